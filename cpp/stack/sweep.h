/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sweeps: slots that grew and idle give their pages back, and what is resident is counted.
 *
 * A pooled slot keeps its control block's page; it is looked at once after each use, and only when
 * it has stayed in the pool from one sweep to the next, so that a busy one keeps its pages. Of a
 * live one the owner says what is in use. Pages go by MADV_DONTNEED, which leaves guards in place.
 */
#ifndef STRAND_STACK_SWEEP_H
#define STRAND_STACK_SWEEP_H

#include "stack.h"

enum strand_stack_use {
    STRAND_STACK_UNKNOWN,   /* not a strand's, or pooled: left alone */
    STRAND_STACK_BUSY,      /* in use, or as it was when looked at before: left alone */
    STRAND_STACK_IDLE,      /* nothing lives below *sp in *stack, which may be another slot */
};

/* Asked about the slot with this top. Its memory may be read: it is zero, a control block that a
 * strand has or has left there, or such a block on its way from another thread. */
typedef enum strand_stack_use (*strand_stack_visitor)(void *context, char *top,
                                                      const struct strand_stack **stack, char **sp);

void strand_stack_sweep_begin(struct strand_stack_pool *pool);

/* Looks at the next slots, at most so many. True while there are more. By the pool's thread. */
bool strand_stack_sweep(struct strand_stack_pool *pool, size_t slots, strand_stack_visitor visitor,
                        void *context);

#endif
