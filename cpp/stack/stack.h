/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks: arenas of reserved address space cut into slots of one class each, and pools that hand
 * the slots out, last used first.
 *
 *   slot  +-------------------+ high                     classes (usable bytes): 8, 16, 64, 256
 *         | colour (0..1 KiB) |  so that tops of many    KiB, 1 and 8 MiB; the guard comes on top:
 *         | usable            |  strands share no cache  one page on the two smallest, 72 KiB on
 *         | ...               |  set                     the others
 *         +-------------------+ low
 *         | guard             |
 *         +-------------------+
 *
 * A pool belongs to one thread at a time: a scheduler has one for its carrier and one, under a
 * lock, for spawns from other threads; a slot goes home to the pool it came from.
 */
#ifndef STRAND_STACK_STACK_H
#define STRAND_STACK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum strand_stack_guards {
    STRAND_STACK_GUARDS_LIGHTWEIGHT,
    STRAND_STACK_GUARDS_MPROTECT,
    STRAND_STACK_GUARDS_NONE,
};

struct strand_stack_pool;

struct strand_stack {
    char *low;                       /* first usable byte; the guard lies below it */
    size_t size_bytes;               /* usable, colour taken off: the top is low + size_bytes */
    struct strand_stack_pool *home;
    unsigned size_class;
};

/* Approximate to any other thread than the pool's. */
struct strand_stack_counts {
    uint64_t live, pooled, bytes_reserved;
};

/* The class whose usable bytes are at least size_bytes (0 and absurd sizes: -EINVAL). */
int strand_stack_class_for(size_t size_bytes);

/* -ENOMEM. */
int strand_stack_pool_create(enum strand_stack_guards guards, struct strand_stack_pool **out);
/* Unmaps everything; every stack must have come home. */
void strand_stack_pool_destroy(struct strand_stack_pool *pool);

/* 0; -ENOMEM; -EAGAIN when guards by mprotect are used up (one line on standard error names
 * vm.max_map_count, once). No system call when a slot is pooled. */
int strand_stack_acquire(struct strand_stack_pool *pool, unsigned size_class,
                         struct strand_stack *stack);
void strand_stack_release(struct strand_stack *stack);

void strand_stack_pool_count(const struct strand_stack_pool *pool, struct strand_stack_counts *out);

/* For a fault's handler, which reads memory only: where the guard begins (low itself where there is
 * none), the usable bytes of its class, and whether an address lies in any slot of a pool. */
const char *strand_stack_guard_low(const struct strand_stack *stack);
size_t strand_stack_usable_bytes(const struct strand_stack *stack);
bool strand_stack_pool_holds(const struct strand_stack_pool *pool, const void *address);

/* "lightweight", "mprotect" or "none". */
const char *strand_stack_guards_name(enum strand_stack_guards guards);

#endif
