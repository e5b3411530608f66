/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A context: the registers of a strand that is not running, kept on its own stack. This room knows
 * only (low, size) of a stack and nothing of strands. Two implementations pass the same tests: the
 * assembly of asm/ and ucontext; CMake picks one (STRAND_CONTEXT).
 *
 *   high  +------------------+
 *         | caller's own     |   the control block, placed by the caller above `low + size`
 *         +------------------+ <- low + size, aligned down to 16
 *         | first frame      |   the trampoline: CFI ends here, gdb's backtrace too
 *         | ...              |
 *         | saved registers  | <- strand_context_sp while not running
 *   low   +------------------+
 *
 * A switch keeps the callee-saved registers and the floating-point control bits (MXCSR and x87's, or
 * FPCR), and nothing else: no signal mask, no errno; on Windows also where the stack lies. (The
 * assembly for System V does not see one kind of change: trap masks set in MXCSR alone;
 * asm/context_x86_64_sysv.S says why. <fenv.h> sets both.) Only the carrier calls it.
 */
#ifndef STRAND_CONTEXT_CONTEXT_H
#define STRAND_CONTEXT_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "context_kind.h"   /* from asm/ or ucontext's folder: struct strand_context */

/* First function of a context; gets the value of the first switch to it; must never return. */
typedef void (*strand_context_entry)(void *value);

/* Makes `context` ready to run entry on [low, low + size). size is at least 2 KiB. */
void strand_context_prepare(struct strand_context *context, void *low, size_t size_bytes,
                            strand_context_entry entry);

/* Saves the running context in `from`, continues `to`, which is another one; returns, when
 * something switches back, the value given there. */
void *strand_context_switch(struct strand_context *from, struct strand_context *to, void *value);

/* At or below all that a parked context keeps on its stack; for stack walking and diagnosis. Of a
 * blank one: no address. */
static inline void *strand_context_sp(const struct strand_context *context)
{
    return (void *)((uintptr_t)context->sp - STRAND_CONTEXT_BELOW_SP);
}

/*
 * Calls fn(arg) on the caller's stack, in such a way that an unwinder which is started in fn finds
 * the frames of the parked context behind it, up to its first. 1; 0 without a call where this kind
 * of context cannot do that (ucontext, Windows).
 */
int strand_context_call_under(const struct strand_context *parked, void (*fn)(void *), void *arg);

/* "asm" or "ucontext". */
extern const char strand_context_name[];

#endif
