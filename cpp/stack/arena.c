/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <errno.h>
#include <stdlib.h>

#include "guard.h"
#include "pages.h"

#define MIB ((size_t)1024 * 1024)

/* Address space by the arena, a larger one each time, so that there are few; slots are opened
 * (guards installed, made known) by the batch, which grows with what is open, so that a small
 * program pays for few. */
#define FIRST_ARENA (64 * MIB)
#define FIRST_BATCH 8
#define LARGEST_BATCH 256

static int reserve(unsigned size_class, size_t size_bytes, void **base)
{
    return size_class == STRAND_STACK_DENSE ? strand_pages_reserve_huge(size_bytes, base)
                                            : strand_pages_reserve(size_bytes, base);
}

/* Where the address space is counted (strict overcommit, RLIMIT_AS), smaller arenas still fit. */
static int reserve_arena(struct strand_stack_pool *pool, unsigned size_class,
                         struct strand_stack_arena *arena)
{
    size_t slot_bytes = strand_stack_slot_bytes(&pool->classes[size_class]);
    size_t arena_bytes = pool->classes[size_class].opened * slot_bytes;
    if (arena_bytes < FIRST_ARENA)
        arena_bytes = FIRST_ARENA;
    if (arena_bytes > pool->largest_arena_bytes)
        arena_bytes = pool->largest_arena_bytes;
    for (;;) {
        arena->slots = arena_bytes / slot_bytes;
        if (arena->slots == 0)
            arena->slots = 1;
        void *base;
        if (reserve(size_class, arena->slots * slot_bytes, &base) == 0) {
            arena->base = base;
            return 0;
        }
        if (arena->slots == 1)
            return -ENOMEM;
        arena_bytes /= 4;
        pool->largest_arena_bytes = arena_bytes;
    }
}

static int make_room_for_free(struct strand_stack_slots *slots, size_t more)
{
    size_t all = more;
    for (const struct strand_stack_arena *arena = slots->arenas; arena; arena = arena->next)
        all += arena->slots;
    if (all <= slots->free_capacity)
        return 0;
    size_t capacity = all > 2 * slots->free_capacity ? all : 2 * slots->free_capacity;
    char **larger = realloc(slots->free, capacity * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    slots->free = larger;
    slots->free_capacity = capacity;
    return 0;
}

static int add_arena(struct strand_stack_pool *pool, unsigned size_class)
{
    struct strand_stack_slots *slots = &pool->classes[size_class];
    struct strand_stack_arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        return -ENOMEM;
    int status = reserve_arena(pool, size_class, arena);
    if (status != 0)
        goto free_arena;
    arena->pages = calloc(arena->slots, sizeof *arena->pages);
    status = arena->pages ? make_room_for_free(slots, arena->slots) : -ENOMEM;
    if (status != 0)
        goto release_pages;
    arena->next = slots->arenas;
    slots->arenas = arena;
    strand_counter_add(&pool->bytes_reserved, arena->slots * strand_stack_slot_bytes(slots));
    return 0;

release_pages:
    free(arena->pages);
    strand_pages_release(arena->base, arena->slots * strand_stack_slot_bytes(slots));
free_arena:
    free(arena);
    return status;
}

void strand_stack_arenas_destroy(struct strand_stack_slots *slots)
{
    while (slots->arenas) {
        struct strand_stack_arena *arena = slots->arenas;
        slots->arenas = arena->next;
        strand_pages_release(arena->base, arena->slots * strand_stack_slot_bytes(slots));
        strand_guard_forget_mprotect(arena->mprotect_guards);
        free(arena->pages);
        free(arena);
    }
    free(slots->free);
}

/* A kernel may have lightweight guards and yet refuse them on some memory (EINVAL: mlockall, before
 * Linux 6.15), and a filter may come between at any time (seccomp: EPERM, ENOSYS): mprotect serves
 * there. Where memory is short it would not. */
int strand_stack_guard(const struct strand_stack_pool *pool, char *low, size_t size_bytes)
{
    if (pool->guards == STRAND_STACK_GUARDS_NONE || size_bytes == 0)
        return 0;
    if (pool->guards == STRAND_STACK_GUARDS_LIGHTWEIGHT) {
        int status = strand_guard_install_lightweight(low, size_bytes);
        if (status == 0 || status == -ENOMEM)
            return status;
    }
    int status = strand_guard_install_mprotect(low, size_bytes);
    return status == 0 ? 1 : status;
}

static size_t batch_of(const struct strand_stack_slots *slots)
{
    const struct strand_stack_arena *arena = slots->arenas;
    size_t batch = slots->opened < FIRST_BATCH ? FIRST_BATCH : slots->opened;
    if (batch > LARGEST_BATCH)
        batch = LARGEST_BATCH;
    return batch < arena->slots - arena->opened ? batch : arena->slots - arena->opened;
}

/* How many of the batch got their guards, from `first` on: all at once where that works. */
static size_t guard_batch(const struct strand_stack_pool *pool, struct strand_stack_slots *slots,
                          char *first, size_t batch, int *status)
{
    size_t guarded = 0;
    if (pool->guards == STRAND_STACK_GUARDS_LIGHTWEIGHT && slots->guard_bytes)
        guarded = strand_guard_install_many(first, slots->guard_bytes,
                                            strand_stack_slot_bytes(slots), batch);
    while (guarded < batch) {
        *status = strand_stack_guard(pool, first + guarded * strand_stack_slot_bytes(slots),
                                     slots->guard_bytes);
        if (*status < 0)
            break;
        slots->arenas->mprotect_guards += (size_t)*status;
        guarded++;
    }
    return guarded;
}

/* Opens the next slots of the newest arena, so that the lowest is taken first. An error only when
 * not even one could be opened. */
static int open_batch(struct strand_stack_pool *pool, unsigned size_class)
{
    struct strand_stack_slots *slots = &pool->classes[size_class];
    struct strand_stack_arena *arena = slots->arenas;
    size_t batch = batch_of(slots);
    char *first = arena->base + arena->opened * strand_stack_slot_bytes(slots);
    bool coloured = size_class != STRAND_STACK_DENSE;
    int status = 0;
    size_t opened = guard_batch(pool, slots, first, batch, &status);
    for (size_t i = opened; i-- > 0;) {
        slots->free[slots->free_count] =
            strand_stack_slot_top(slots, coloured, arena, arena->opened + i) + STRAND_STACK_FRESH;
        strand_counter_add(&slots->free_count, 1);
    }
    arena->opened += opened;
    strand_counter_add(&slots->opened, opened);
    if (size_class == STRAND_STACK_DENSE)   /* nothing to trim and no use in looking */
        strand_counter_add(&slots->resident_pages, opened);
    return opened > 0 ? 0 : status;
}

struct strand_stack_arena *strand_stack_arena_of(const struct strand_stack_slots *slots,
                                                 const char *byte)
{
    struct strand_stack_arena *arena = slots->arenas;
    while (arena && (byte < arena->base ||
                     byte >= arena->base + arena->slots * strand_stack_slot_bytes(slots)))
        arena = arena->next;
    return arena;
}

int strand_stack_refill(struct strand_stack_pool *pool, unsigned size_class)
{
    struct strand_stack_slots *slots = &pool->classes[size_class];
    if (!slots->arenas || slots->arenas->opened == slots->arenas->slots) {
        int status = add_arena(pool, size_class);
        if (status != 0)
            return status;
    }
    return open_batch(pool, size_class);
}
