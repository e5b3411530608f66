/* SPDX-License-Identifier: Apache-2.0 */
/* Where slots come from: address space by the arena, opened by the batch. For this room alone. */
#ifndef STRAND_STACK_ARENA_H
#define STRAND_STACK_ARENA_H

#include "stack.h"

#define STRAND_STACK_LARGEST_ARENA ((size_t)1024 * 1024 * 1024)

struct strand_stack_arena {
    struct strand_stack_arena *next;
    char *base;
    size_t slots, opened;     /* the slots below `opened` have been handed out or are pooled */
    size_t mprotect_guards;
    uint16_t *pages;          /* a slot: how many were resident when last looked at */
};

static inline size_t strand_stack_slot_bytes(const struct strand_stack_slots *slots)
{
    return slots->guard_bytes + slots->usable_bytes;
}

/* Tops that differ by the cache line: page-aligned ones of 1,000 strands would share a few sets. */
#define STRAND_STACK_COLOURS 8
#define STRAND_STACK_COLOUR_STEP 128

/* A slot keeps its colour, so that the lines it warmed stay its own. */
static inline char *strand_stack_slot_top(const struct strand_stack_slots *slots, bool coloured,
                                          const struct strand_stack_arena *arena, size_t index)
{
    size_t colour = coloured ? index % STRAND_STACK_COLOURS * STRAND_STACK_COLOUR_STEP : 0;
    return arena->base + (index + 1) * strand_stack_slot_bytes(slots) - colour;
}

/* More free slots: 0, -ENOMEM, -EAGAIN. */
int strand_stack_refill(struct strand_stack_pool *pool, unsigned size_class);
/* The arena that a slot's byte lies in; NULL: none of these. */
struct strand_stack_arena *strand_stack_arena_of(const struct strand_stack_slots *slots,
                                                 const char *byte);
void strand_stack_arenas_destroy(struct strand_stack_slots *slots);

/* The guard of [low, low + size): 1 when it is by mprotect and counted, 0, or an error. */
int strand_stack_guard(const struct strand_stack_pool *pool, char *low, size_t size_bytes);

#endif
