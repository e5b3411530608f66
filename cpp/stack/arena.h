/* SPDX-License-Identifier: Apache-2.0 */
/* Where slots come from: address space by the arena, opened by the batch. For this room alone. */
#ifndef STRAND_STACK_ARENA_H
#define STRAND_STACK_ARENA_H

#include "stack.h"

struct strand_stack_arena {
    struct strand_stack_arena *next;
    char *base;
    size_t slots, opened;     /* the slots below `opened` have been handed out or are pooled */
    size_t mprotect_guards;
};

static inline size_t strand_stack_slot_bytes(const struct strand_stack_slots *slots)
{
    return slots->guard_bytes + slots->usable_bytes;
}

/* More free slots: 0, -ENOMEM, -EAGAIN. */
int strand_stack_refill(struct strand_stack_pool *pool, unsigned size_class);
void strand_stack_arenas_destroy(struct strand_stack_slots *slots);

/* The guard of [low, low + size): 1 when it is by mprotect and counted, 0, or an error. */
int strand_stack_guard(const struct strand_stack_pool *pool, char *low, size_t size_bytes);

#endif
