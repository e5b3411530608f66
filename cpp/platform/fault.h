/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults: a handler for SIGSEGV and SIGBUS that lets one function look at each address and then
 * passes the fault on to whoever handled it before.
 *
 *   fault --> look(address) --> the action found at the first watch: a JVM's, a sanitizer's,
 *                               the program's, or the default one
 *
 * It diagnoses and decides nothing: what happened with a fault before happens with it still. It is
 * installed with the earlier action's own mask and flags and with SA_ONSTACK, so that the kernel
 * itself keeps that action's terms; SA_RESETHAND is kept here. A fault that `look` called its own
 * is passed on too; should the earlier handler return from it, the default action is put in place,
 * and the process dies by the instruction that faulted, with its core there.
 *
 * Whoever installs a handler later stands in front of this one and is left there. See sigaction(2),
 * sigaltstack(2), signal-safety(7).
 */
#ifndef STRAND_PLATFORM_FAULT_H
#define STRAND_PLATFORM_FAULT_H

#include <stdbool.h>

/* In the handler, on the alternate stack where the thread has one: no locks, no allocation. Whether
 * the fault is its own. */
typedef bool (*strand_fault_look)(const void *address);

/* The first watch installs the handler, the last unwatch removes it if nobody has installed another
 * since. One `look` a process. Any thread, not in a handler. 0 or -ENOMEM. */
int strand_fault_watch(strand_fault_look look);
void strand_fault_unwatch(void);

/*
 * A stack for handlers, for a thread whose own may be the one that is full: 256 KiB, of which a
 * handler touches what it needs, with a guard. HotSpot writes its report on it.
 */
struct strand_fault_stack;

struct strand_fault_stack *strand_fault_stack_create(void);   /* NULL: no memory */
void strand_fault_stack_destroy(struct strand_fault_stack *stack);

/* Gives it to the calling thread, unless that has one as large; the same thread takes it back, and
 * has the one again that it had. False: another stands in front of it by now, whose owner may put
 * it back one day: leave it alone for ever. */
void strand_fault_stack_give(struct strand_fault_stack *stack);
bool strand_fault_stack_take_back(struct strand_fault_stack *stack);

#endif
