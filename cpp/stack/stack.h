/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks: arenas of reserved address space cut into slots of one class each, and pools that hand
 * the slots out, last used first.
 *
 *   slot  +-------------------+ high, a page's end
 *         | colour (0..1 KiB) |  so that tops of many strands share no cache set
 *         +-------------------+ top = low + size_bytes: constant for a slot
 *         | control block     |  a strand's own; a segment's frames stay below it
 *         | frames            |
 *         | ...               |
 *         +-------------------+ low
 *         | guard             |  one page on the two smallest, 72 KiB on the others
 *         +-------------------+
 *
 * Dense slots are 4 KiB in huge pages, without colour and guard; the lowest word is a canary.
 *
 * The pool writes no byte of a slot: one that was never used, or was trimmed as a whole, reads as
 * zeros, and what a strand left in its control block is there for the next.
 *
 * A pool belongs to one thread at a time: a scheduler has one for its carrier and one, under a
 * lock, for spawns from other threads; a slot goes home to the pool it came from.
 */
#ifndef STRAND_STACK_STACK_H
#define STRAND_STACK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counter.h"

enum strand_stack_guards {
    STRAND_STACK_GUARDS_LIGHTWEIGHT,
    STRAND_STACK_GUARDS_MPROTECT,
    STRAND_STACK_GUARDS_NONE,
};

/* By usable bytes. OWN is no class of slots: a mapping of its own, larger than the largest. */
enum strand_stack_class {
    STRAND_STACK_DENSE,
    STRAND_STACK_8K,
    STRAND_STACK_16K,
    STRAND_STACK_64K,
    STRAND_STACK_256K,
    STRAND_STACK_1M,
    STRAND_STACK_8M,
    STRAND_STACK_CLASS_COUNT,
    STRAND_STACK_OWN = STRAND_STACK_CLASS_COUNT,
};

/* Tops differ by up to so many bytes; every class's usable bytes include them. */
#define STRAND_STACK_COLOUR_BYTES ((size_t)1024)

struct strand_stack_pool;

struct strand_stack {
    char *low;                       /* first usable byte; the guard lies below it */
    size_t size_bytes;               /* usable, colour taken off: the top is low + size_bytes */
    struct strand_stack_pool *home;
    unsigned size_class;             /* enum strand_stack_class */
    unsigned own_guard;              /* OWN: it counts among the guards by mprotect */
};

/* Usable bytes of all stacks of several pools together; shared by them, kept by who made them. */
struct strand_stack_limit {
    size_t max_bytes;                /* above it: -EAGAIN, one line on standard error */
    size_t used_bytes;               /* by __atomic operations, as in counter.h */
    int told;
};

struct strand_stack_pool_options {
    enum strand_stack_guards guards;
    size_t control_bytes;               /* kept free for a control block at the top of each slot */
    struct strand_stack_limit *limit;   /* NULL: none */
};

struct strand_stack_arena;

/* Where a sweep has come to (sweep.h). */
struct strand_stack_sweep {
    unsigned size_class;
    bool live;                             /* of the class's slots the pooled ones are done */
    struct strand_stack_arena *arena;
    size_t index;
};

/*
 * The slots of one class. The free ones stand by their tops in an array of their own, last freed
 * last: links inside the slots would touch pages that a strand's last use left cold. The array has
 * room for every slot there is, so that a release cannot fail.
 *
 * free  [ examined | idle since the last sweep | perhaps used since ] free_count
 *                  ^ examined                  ^ idle
 */
struct strand_stack_slots {
    /* The fast paths' line. */
    char **free;
    uint64_t free_count;
    uint64_t take_above;       /* taking needs no more care while free_count is above: `idle` */
    uint64_t give_below;       /* and giving while it is below: `opened`; with a limit, never */
    size_t usable_bytes;
    uintptr_t page_mask;

    size_t guard_bytes, free_capacity;
    uint64_t idle;             /* free[0, idle) were handed out last before the last sweep ... */
    uint64_t idle_step;
    uint64_t examined;         /* ... and free[0, examined) have no pages left to give back */
    uint64_t opened;           /* slots of all arenas that exist for takers */
    uint64_t trimmed;          /* times a slot gave pages back */
    uint64_t resident_pages;
    struct strand_stack_arena *arenas;     /* newest first; only the newest has unopened slots */
} __attribute__((aligned(64)));

struct strand_stack_pool {
    struct strand_stack_slots classes[STRAND_STACK_CLASS_COUNT + 1];   /* OWN has no slots */
    struct strand_stack_limit *limit;
    enum strand_stack_guards guards;
    size_t page_bytes, largest_arena_bytes, control_bytes;
    struct strand_stack_sweep sweep;
    uint64_t own_live, own_bytes, bytes_reserved;
};

/* Approximate to any other thread than the pool's. */
struct strand_stack_counts {
    struct {
        size_t usable_bytes;
        uint64_t live, pooled, trimmed;
    } classes[STRAND_STACK_CLASS_COUNT];
    uint64_t live, pooled;           /* of all classes, OWN too */
    uint64_t bytes_reserved;
    uint64_t bytes_resident;         /* as of the last sweep */
};

/* The class whose usable bytes are at least size_bytes (0 and absurd sizes: -EINVAL); not DENSE,
 * which is taken only by name. */
int strand_stack_class_for(size_t size_bytes);
/* A class's; 0 for OWN. */
size_t strand_stack_class_bytes(unsigned size_class);

/* -ENOMEM. */
int strand_stack_pool_create(const struct strand_stack_pool_options *options,
                             struct strand_stack_pool **out);
/* Unmaps everything; every stack must have come home. */
void strand_stack_pool_destroy(struct strand_stack_pool *pool);

int strand_stack_acquire_slowly(struct strand_stack_pool *pool, unsigned size_class,
                                struct strand_stack *stack);
void strand_stack_release_slowly(struct strand_stack *stack);

static inline void strand_stack_describe(struct strand_stack_pool *pool, unsigned size_class,
                                         char *top, struct strand_stack *stack)
{
    const struct strand_stack_slots *slots = &pool->classes[size_class];
    uintptr_t high = ((uintptr_t)top + slots->page_mask) & ~slots->page_mask;
    stack->low = (char *)(high - slots->usable_bytes);
    stack->size_bytes = (size_t)(top - stack->low);
    stack->home = pool;
    stack->size_class = size_class;
}

/* In `free`, on the top of a slot that has never been handed out: reading there would bring in the
 * page of zeros, and the first write would then fault once more. */
#define STRAND_STACK_FRESH ((uintptr_t)1)

static inline char *strand_stack_without_mark(char *top)
{
    return (char *)((uintptr_t)top & ~STRAND_STACK_FRESH);
}

/* The top of the slot that strand_stack_take would give. */
static inline char *strand_stack_at_hand(const struct strand_stack_slots *slots)
{
    uint64_t count = slots->free_count;
    if (__builtin_expect(count <= slots->take_above, 0))
        return NULL;
    char *top = slots->free[count - 1];
    if (__builtin_expect((uintptr_t)top & STRAND_STACK_FRESH, 0))
        return NULL;
    return top;
}

/* The top of a slot at hand that has been used before, or NULL: then ask strand_stack_acquire. */
static inline char *strand_stack_take(struct strand_stack_slots *slots)
{
    char *top = strand_stack_at_hand(slots);
    if (top)
        strand_counter_subtract(&slots->free_count, 1);
    return top;
}

/*
 * 0; -ENOMEM; -EAGAIN when guards by mprotect are used up or the limit is reached (one line on
 * standard error names vm.max_map_count or max_stack_bytes_all, once). No system call when a slot
 * is pooled.
 */
static inline int strand_stack_acquire(struct strand_stack_pool *pool, unsigned size_class,
                                       struct strand_stack *stack)
{
    char *top = strand_stack_take(&pool->classes[size_class]);
    if (__builtin_expect(!top, 0))
        return strand_stack_acquire_slowly(pool, size_class, stack);
    strand_stack_describe(pool, size_class, top, stack);
    return 0;
}

/*
 * A stack with at least size_bytes below its control block's place (strand_stack_frames_top): of
 * the smallest class that holds them, or of a guarded mapping of its own (OWN), unmapped at its
 * release. As above; -EINVAL for 0 and absurd sizes.
 */
int strand_stack_acquire_bytes(struct strand_stack_pool *pool, size_t size_bytes,
                               struct strand_stack *stack);

/* Gives a slot back by its top; false when that needs more care: then strand_stack_release. */
static inline bool strand_stack_give(struct strand_stack_pool *pool, unsigned size_class, char *top)
{
    struct strand_stack_slots *slots = &pool->classes[size_class];
    if (__builtin_expect(slots->free_count >= slots->give_below, 0))
        return false;
    slots->free[slots->free_count] = top;
    strand_counter_add(&slots->free_count, 1);
    return true;
}

static inline void strand_stack_release(struct strand_stack *stack)
{
    if (!strand_stack_give(stack->home, stack->size_class, stack->low + stack->size_bytes))
        strand_stack_release_slowly(stack);
}

/* Where the frames of a stack begin that has no control block: what is above belongs to the strands
 * that use the slot before and after. A multiple of 16. */
static inline char *strand_stack_frames_top(const struct strand_stack *stack)
{
    uintptr_t top = (uintptr_t)(stack->low + stack->size_bytes) - stack->home->control_bytes;
    return (char *)(top & ~(uintptr_t)15);
}

/* What a limit counts of it: its class's usable bytes. */
static inline size_t strand_stack_counted_bytes(const struct strand_stack *stack)
{
    return stack->size_class == STRAND_STACK_OWN
               ? stack->size_bytes
               : stack->home->classes[stack->size_class].usable_bytes;
}

/* The lowest word of a dense stack, which has no guard. Set it when the stack is taken; where it
 * has changed the frames have run over it. */
#define STRAND_STACK_CANARY UINT64_C(0x5374726e6443616e)

static inline void strand_stack_canary_set(const struct strand_stack *stack)
{
    *(uint64_t *)(void *)stack->low = STRAND_STACK_CANARY;
}

static inline bool strand_stack_canary_intact(const char *low)
{
    return *(const uint64_t *)(const void *)low == STRAND_STACK_CANARY;
}

void strand_stack_pool_count(const struct strand_stack_pool *pool, struct strand_stack_counts *out);

/* For a fault's handler, which reads memory only: where the guard begins (low itself where there is
 * none), and whether an address lies in any slot of a pool. */
const char *strand_stack_guard_low(const struct strand_stack *stack);
bool strand_stack_pool_holds(const struct strand_stack_pool *pool, const void *address);

/* "lightweight", "mprotect" or "none". */
const char *strand_stack_guards_name(enum strand_stack_guards guards);

#endif
