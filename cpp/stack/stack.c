/* SPDX-License-Identifier: Apache-2.0 */
#include "stack.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "check.h"
#include "guard.h"
#include "pages.h"

#define KIB ((size_t)1024)

/*
 * 64 KiB and two pages more. Tops that lie a power of two apart share a few sets of the translation
 * cache: at 1,000 strands a yield took 11.7 ns with 32 pages a slot, 8.0 with 34 (and at 100,000
 * strands 121 and 97; 33 pages were as good at 1,000, and slower beyond).
 */
#define WIDE_GUARD (72 * KIB)

static const struct {
    size_t usable_bytes, guard_bytes;   /* rounded up to pages; a guard of 1 is one page */
} class_sizes[STRAND_STACK_CLASS_COUNT] = {
    [STRAND_STACK_DENSE] = {4 * KIB, 0},          [STRAND_STACK_8K] = {8 * KIB, 1},
    [STRAND_STACK_16K] = {16 * KIB, 1},           [STRAND_STACK_64K] = {64 * KIB, WIDE_GUARD},
    [STRAND_STACK_256K] = {256 * KIB, WIDE_GUARD}, [STRAND_STACK_1M] = {1024 * KIB, WIDE_GUARD},
    [STRAND_STACK_8M] = {8192 * KIB, WIDE_GUARD},
};

/* More than any address space, yet no overflow when a guard is added. */
#define LARGEST_OWN (SIZE_MAX / 4)

static size_t round_up(size_t size_bytes, size_t page_bytes)
{
    return (size_bytes + page_bytes - 1) & ~(page_bytes - 1);
}

int strand_stack_class_for(size_t size_bytes)
{
    if (size_bytes == 0)
        return -EINVAL;
    for (int class = STRAND_STACK_8K; class < STRAND_STACK_CLASS_COUNT; class++)
        if (size_bytes <= class_sizes[class].usable_bytes)
            return class;
    return -EINVAL;
}

size_t strand_stack_class_bytes(unsigned size_class)
{
    return size_class < STRAND_STACK_CLASS_COUNT ? class_sizes[size_class].usable_bytes : 0;
}

const char *strand_stack_guards_name(enum strand_stack_guards guards)
{
    switch (guards) {
    case STRAND_STACK_GUARDS_LIGHTWEIGHT:
        return "lightweight";
    case STRAND_STACK_GUARDS_MPROTECT:
        return "mprotect";
    case STRAND_STACK_GUARDS_NONE:
        return "none";
    }
    return "none";
}

int strand_stack_pool_create(const struct strand_stack_pool_options *options,
                             struct strand_stack_pool **out)
{
    struct strand_stack_pool *pool =
        aligned_alloc(_Alignof(struct strand_stack_pool), sizeof *pool);
    if (!pool)
        return -ENOMEM;
    memset(pool, 0, sizeof *pool);
    pool->guards = options->guards;
    pool->limit = options->limit;
    pool->control_bytes = options->control_bytes;
    pool->page_bytes = strand_pages_size();
    pool->largest_arena_bytes = STRAND_STACK_LARGEST_ARENA;
    for (unsigned class = 0; class < STRAND_STACK_CLASS_COUNT; class++) {
        struct strand_stack_slots *slots = &pool->classes[class];
        slots->usable_bytes = round_up(class_sizes[class].usable_bytes, pool->page_bytes);
        slots->page_mask = pool->page_bytes - 1;
        if (pool->guards != STRAND_STACK_GUARDS_NONE)
            slots->guard_bytes = round_up(class_sizes[class].guard_bytes, pool->page_bytes);
        slots->take_above = pool->limit ? UINT64_MAX : 0;
    }
    *out = pool;
    return 0;
}

void strand_stack_pool_destroy(struct strand_stack_pool *pool)
{
    CHECK(pool->own_live == 0);
    for (unsigned class = 0; class < STRAND_STACK_CLASS_COUNT; class++) {
        CHECK(pool->classes[class].free_count == pool->classes[class].opened);
        strand_stack_arenas_destroy(&pool->classes[class]);
    }
    free(pool);
}

static int refuse(struct strand_stack_limit *limit)
{
    static const char text[] = "strand: no more stacks: those in use reach the scheduler's "
                               "max_stack_bytes_all; raise it or use smaller stacks\n";
    if (!__atomic_exchange_n(&limit->told, 1, __ATOMIC_RELAXED) &&
        write(STDERR_FILENO, text, sizeof text - 1) < 0)
        return -EAGAIN;
    return -EAGAIN;
}

/* What is short seldom shows in the error, and where memory is counted it is a limit that can be
 * raised: once a process. */
static void tell_if_out_of_memory(int status)
{
    static const char text[] =
        "strand: no more stacks: the system gives no memory for them; what may limit it is RLIMIT_AS, "
        "RLIMIT_DATA, vm.overcommit_memory, vm.max_map_count\n";
    static atomic_bool told;
    if (status == -ENOMEM && !atomic_exchange(&told, true) &&
        write(STDERR_FILENO, text, sizeof text - 1) < 0)
        return;
}

static int charge(struct strand_stack_limit *limit, size_t size_bytes)
{
    if (!limit)
        return 0;
    size_t used_bytes = __atomic_fetch_add(&limit->used_bytes, size_bytes, __ATOMIC_RELAXED);
    if (used_bytes <= limit->max_bytes && size_bytes <= limit->max_bytes - used_bytes)
        return 0;
    __atomic_fetch_sub(&limit->used_bytes, size_bytes, __ATOMIC_RELAXED);
    return refuse(limit);
}

static void discharge(struct strand_stack_limit *limit, size_t size_bytes)
{
    if (limit)
        __atomic_fetch_sub(&limit->used_bytes, size_bytes, __ATOMIC_RELAXED);
}

/* The free slots down to free_count have stayed since the last sweep, and now one more is needed.
 * By steps that double: a busy pool comes here a few times a sweep. */
static void lower_idle(struct strand_stack_slots *slots)
{
    slots->idle = slots->free_count > slots->idle_step ? slots->free_count - slots->idle_step : 0;
    slots->idle_step *= 2;
    if (slots->examined > slots->idle)
        slots->examined = slots->idle;
}

int strand_stack_acquire_slowly(struct strand_stack_pool *pool, unsigned size_class,
                                struct strand_stack *stack)
{
    CHECK(size_class < STRAND_STACK_CLASS_COUNT);
    struct strand_stack_slots *slots = &pool->classes[size_class];
    int status = charge(pool->limit, slots->usable_bytes);
    if (status < 0)
        return status;
    if (slots->free_count == 0) {
        status = strand_stack_refill(pool, size_class);
        if (status < 0) {
            tell_if_out_of_memory(status);
            discharge(pool->limit, slots->usable_bytes);
            return status;
        }
    }
    if (slots->free_count <= slots->idle)
        lower_idle(slots);
    slots->take_above = pool->limit ? UINT64_MAX : slots->idle;
    slots->give_below = pool->limit ? 0 : slots->opened;
    strand_counter_subtract(&slots->free_count, 1);
    char *top = strand_stack_without_mark(slots->free[slots->free_count]);
    strand_stack_describe(pool, size_class, top, stack);
    return 0;
}

static int acquire_own(struct strand_stack_pool *pool, size_t size_bytes,
                       struct strand_stack *stack)
{
    size_t guard_bytes = pool->classes[STRAND_STACK_8M].guard_bytes;
    size_bytes = round_up(size_bytes, pool->page_bytes);
    int status = charge(pool->limit, size_bytes);
    if (status < 0)
        return status;
    void *base;
    status = strand_pages_reserve(guard_bytes + size_bytes, &base);
    if (status < 0) {
        tell_if_out_of_memory(status);
        goto discharge;
    }
    status = strand_stack_guard(pool, base, guard_bytes);
    if (status < 0)
        goto release_pages;
    *stack = (struct strand_stack){(char *)base + guard_bytes, size_bytes, pool, STRAND_STACK_OWN,
                                   (unsigned)status};
    strand_counter_add(&pool->own_live, 1);
    strand_counter_add(&pool->own_bytes, size_bytes);
    strand_counter_add(&pool->bytes_reserved, guard_bytes + size_bytes);
    return 0;

release_pages:
    strand_pages_release(base, guard_bytes + size_bytes);
discharge:
    discharge(pool->limit, size_bytes);
    return status;
}

static void release_own(struct strand_stack_pool *pool, struct strand_stack *stack)
{
    size_t guard_bytes = pool->classes[STRAND_STACK_8M].guard_bytes;
    CHECK(pool->own_live > 0);
    strand_pages_release(stack->low - guard_bytes, guard_bytes + stack->size_bytes);
    strand_guard_forget_mprotect(stack->own_guard);
    strand_counter_subtract(&pool->own_live, 1);
    strand_counter_subtract(&pool->own_bytes, stack->size_bytes);
    strand_counter_subtract(&pool->bytes_reserved, guard_bytes + stack->size_bytes);
    discharge(pool->limit, stack->size_bytes);
}

int strand_stack_acquire_bytes(struct strand_stack_pool *pool, size_t size_bytes,
                               struct strand_stack *stack)
{
    if (size_bytes == 0 || size_bytes > LARGEST_OWN)
        return -EINVAL;
    int size_class =
        strand_stack_class_for(size_bytes + pool->control_bytes + STRAND_STACK_COLOUR_BYTES);
    return size_class < 0 ? acquire_own(pool, size_bytes + pool->control_bytes + 16, stack)
                          : strand_stack_acquire(pool, (unsigned)size_class, stack);
}

void strand_stack_release_slowly(struct strand_stack *stack)
{
    struct strand_stack_pool *pool = stack->home;
    struct strand_stack_slots *slots = &pool->classes[stack->size_class];
    if (stack->size_class == STRAND_STACK_OWN) {
        release_own(pool, stack);
        return;
    }
    CHECK(slots->free_count < slots->opened);
    discharge(pool->limit, slots->usable_bytes);
    slots->free[slots->free_count] = stack->low + stack->size_bytes;
    strand_counter_add(&slots->free_count, 1);
}

/* Read one after the other while slots come and go: never below zero. */
static uint64_t less(uint64_t all, uint64_t some)
{
    return all > some ? all - some : 0;
}

void strand_stack_pool_count(const struct strand_stack_pool *pool, struct strand_stack_counts *out)
{
    *out = (struct strand_stack_counts){0};
    for (unsigned class = 0; class < STRAND_STACK_CLASS_COUNT; class++) {
        const struct strand_stack_slots *slots = &pool->classes[class];
        out->classes[class].usable_bytes = slots->usable_bytes;
        out->classes[class].pooled = strand_counter_read(&slots->free_count);
        out->classes[class].live =
            less(strand_counter_read(&slots->opened), out->classes[class].pooled);
        out->classes[class].trimmed = strand_counter_read(&slots->trimmed);
        out->pooled += out->classes[class].pooled;
        out->live += out->classes[class].live;
        out->bytes_resident += strand_counter_read(&slots->resident_pages) * pool->page_bytes;
    }
    out->live += strand_counter_read(&pool->own_live);
    out->bytes_reserved = strand_counter_read(&pool->bytes_reserved);
}

const char *strand_stack_guard_low(const struct strand_stack *stack)
{
    unsigned like = stack->size_class == STRAND_STACK_OWN ? STRAND_STACK_8M : stack->size_class;
    return stack->low - stack->home->classes[like].guard_bytes;
}

bool strand_stack_pool_holds(const struct strand_stack_pool *pool, const void *address)
{
    for (unsigned class = 0; class < STRAND_STACK_CLASS_COUNT; class++) {
        const struct strand_stack_slots *slots = &pool->classes[class];
        size_t slot_bytes = strand_stack_slot_bytes(slots);
        for (const struct strand_stack_arena *arena = slots->arenas; arena; arena = arena->next)
            if ((uintptr_t)address - (uintptr_t)arena->base < arena->slots * slot_bytes)
                return true;
    }
    return false;
}
