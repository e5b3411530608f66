/* SPDX-License-Identifier: Apache-2.0 */
#include "stack.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"
#include "guard.h"
#include "pages.h"

enum { CLASSES = 6 };

#define KIB ((size_t)1024)

/*
 * 64 KiB and two pages more. Tops that lie a power of two apart share a few sets of the translation
 * cache: at 1,000 strands a yield took 11.7 ns with 32 pages a slot, 8.0 with 34 (and at 100,000
 * strands 121 and 97; 33 pages were as good at 1,000, and slower beyond).
 */
#define WIDE_GUARD (72 * KIB)

static const struct {
    size_t usable_bytes, guard_bytes;   /* rounded up to pages; a guard of 1 is one page */
} class_sizes[CLASSES] = {
    {8 * KIB, 1},          {16 * KIB, 1},          {64 * KIB, WIDE_GUARD},
    {256 * KIB, WIDE_GUARD}, {1024 * KIB, WIDE_GUARD}, {8192 * KIB, WIDE_GUARD},
};

/* Tops that differ by the cache line: page-aligned ones of 1,000 strands would share a few sets. */
#define COLOURS 8
#define COLOUR_BYTES 128

/* Address space by the arena; slots are opened (guards installed, made known) by the batch, which
 * grows with what is open, so that a small program pays for few. */
#define ARENA_BYTES (64 * KIB * KIB)
#define FIRST_BATCH 8
#define LARGEST_BATCH 64

struct arena {
    struct arena *next;
    char *base;
    size_t slots, opened;     /* the slots below `opened` have been handed out or are pooled */
    size_t mprotect_guards;
};

/*
 * The free slots lie in an array of their own, last freed last: links inside the slots would touch
 * pages that a strand's last use left cold. It has room for every slot there is, so that a release
 * cannot fail.
 */
struct slots {
    size_t usable_bytes, guard_bytes;
    struct arena *arenas;     /* newest first; only the newest has unopened slots */
    char **free;
    size_t free_count, free_capacity;
    size_t opened;            /* of all arenas */
};

struct strand_stack_pool {
    struct slots classes[CLASSES];
    enum strand_stack_guards guards;
    size_t page_bytes, arena_bytes;
    _Atomic uint64_t live, pooled, bytes_reserved;
};

static size_t round_up(size_t size_bytes, size_t page_bytes)
{
    return (size_bytes + page_bytes - 1) & ~(page_bytes - 1);
}

/* One writer: no locked instruction. */
static void count(_Atomic uint64_t *counter, int64_t change)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + (uint64_t)change, memory_order_relaxed);
}

int strand_stack_class_for(size_t size_bytes)
{
    if (size_bytes == 0)
        return -EINVAL;
    for (int class = 0; class < CLASSES; class++)
        if (size_bytes <= class_sizes[class].usable_bytes)
            return class;
    return -EINVAL;
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

int strand_stack_pool_create(enum strand_stack_guards guards, struct strand_stack_pool **out)
{
    struct strand_stack_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    pool->guards = guards;
    pool->page_bytes = strand_pages_size();
    pool->arena_bytes = ARENA_BYTES;
    for (int class = 0; class < CLASSES; class++) {
        struct slots *slots = &pool->classes[class];
        slots->usable_bytes = round_up(class_sizes[class].usable_bytes, pool->page_bytes);
        if (guards != STRAND_STACK_GUARDS_NONE)
            slots->guard_bytes = round_up(class_sizes[class].guard_bytes, pool->page_bytes);
    }
    *out = pool;
    return 0;
}

static size_t slot_bytes(const struct slots *slots)
{
    return slots->guard_bytes + slots->usable_bytes;
}

static void arena_destroy(struct arena *arena, const struct slots *slots)
{
    strand_pages_release(arena->base, arena->slots * slot_bytes(slots));
    strand_guard_forget_mprotect(arena->mprotect_guards);
    free(arena);
}

void strand_stack_pool_destroy(struct strand_stack_pool *pool)
{
    CHECK(atomic_load(&pool->live) == 0);
    for (int class = 0; class < CLASSES; class++) {
        struct slots *slots = &pool->classes[class];
        while (slots->arenas) {
            struct arena *arena = slots->arenas;
            slots->arenas = arena->next;
            arena_destroy(arena, slots);
        }
        free(slots->free);
    }
    free(pool);
}

/* Where the address space is counted (strict overcommit, RLIMIT_AS), smaller arenas still fit. */
static int reserve_arena(struct strand_stack_pool *pool, const struct slots *slots,
                         struct arena *arena)
{
    for (;;) {
        arena->slots = pool->arena_bytes / slot_bytes(slots);
        if (arena->slots == 0)
            arena->slots = 1;
        void *base;
        if (strand_pages_reserve(arena->slots * slot_bytes(slots), &base) == 0) {
            arena->base = base;
            return 0;
        }
        if (arena->slots == 1)
            return -ENOMEM;
        pool->arena_bytes /= 4;
    }
}

static int make_room_for_free(struct slots *slots, size_t more)
{
    size_t all = more;
    for (const struct arena *arena = slots->arenas; arena; arena = arena->next)
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

static int add_arena(struct strand_stack_pool *pool, struct slots *slots)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        return -ENOMEM;
    int status = reserve_arena(pool, slots, arena);
    if (status != 0)
        goto free_arena;
    status = make_room_for_free(slots, arena->slots);
    if (status != 0)
        goto release_pages;
    arena->next = slots->arenas;
    slots->arenas = arena;
    count(&pool->bytes_reserved, (int64_t)(arena->slots * slot_bytes(slots)));
    return 0;

release_pages:
    strand_pages_release(arena->base, arena->slots * slot_bytes(slots));
free_arena:
    free(arena);
    return status;
}

/* A kernel may have lightweight guards and yet refuse them on some memory (mlockall, before Linux
 * 6.15): mprotect serves there. */
static int install_guard(const struct strand_stack_pool *pool, struct arena *arena, char *low,
                         size_t size_bytes)
{
    int status = 0;
    if (pool->guards == STRAND_STACK_GUARDS_LIGHTWEIGHT) {
        status = strand_guard_install_lightweight(low, size_bytes);
        if (status != -EINVAL)
            return status;
    }
    if (pool->guards != STRAND_STACK_GUARDS_NONE) {
        status = strand_guard_install_mprotect(low, size_bytes);
        if (status == 0)
            arena->mprotect_guards++;
    }
    return status;
}

/* Opens the next slots of the newest arena, so that the lowest is taken first. An error only when
 * not even one could be opened. */
static int open_batch(struct strand_stack_pool *pool, struct slots *slots)
{
    struct arena *arena = slots->arenas;
    size_t batch = slots->opened < FIRST_BATCH ? FIRST_BATCH : slots->opened;
    if (batch > LARGEST_BATCH)
        batch = LARGEST_BATCH;
    if (batch > arena->slots - arena->opened)
        batch = arena->slots - arena->opened;
    char *first = arena->base + arena->opened * slot_bytes(slots);
    size_t opened = 0;
    int status = 0;
    while (opened < batch && status == 0) {
        status = install_guard(pool, arena, first + opened * slot_bytes(slots), slots->guard_bytes);
        opened += status == 0;
    }
    for (size_t i = opened; i-- > 0;)
        slots->free[slots->free_count++] = first + i * slot_bytes(slots);
    arena->opened += opened;
    slots->opened += opened;
    count(&pool->pooled, (int64_t)opened);
    return opened > 0 ? 0 : status;
}

static int refill(struct strand_stack_pool *pool, struct slots *slots)
{
    if (!slots->arenas || slots->arenas->opened == slots->arenas->slots) {
        int status = add_arena(pool, slots);
        if (status != 0)
            return status;
    }
    return open_batch(pool, slots);
}

/* A slot keeps its colour, so that the lines it warmed stay its own. */
static size_t colour_of(const char *slot, const struct slots *slots)
{
    return (uintptr_t)slot / slot_bytes(slots) % COLOURS * COLOUR_BYTES;
}

int strand_stack_acquire(struct strand_stack_pool *pool, unsigned size_class,
                         struct strand_stack *stack)
{
    CHECK(size_class < CLASSES);
    struct slots *slots = &pool->classes[size_class];
    if (slots->free_count == 0) {
        int status = refill(pool, slots);
        if (status != 0)
            return status;
    }
    char *slot = slots->free[--slots->free_count];
    stack->low = slot + slots->guard_bytes;
    stack->size_bytes = slots->usable_bytes - colour_of(slot, slots);
    stack->home = pool;
    stack->size_class = size_class;
    count(&pool->live, 1);
    count(&pool->pooled, -1);
    return 0;
}

void strand_stack_release(struct strand_stack *stack)
{
    struct strand_stack_pool *pool = stack->home;
    struct slots *slots = &pool->classes[stack->size_class];
    CHECK(slots->free_count < slots->opened);
    slots->free[slots->free_count++] = stack->low - slots->guard_bytes;
    stack->low = NULL;
    count(&pool->live, -1);
    count(&pool->pooled, 1);
}

void strand_stack_pool_count(const struct strand_stack_pool *pool, struct strand_stack_counts *out)
{
    out->live = atomic_load_explicit(&pool->live, memory_order_relaxed);
    out->pooled = atomic_load_explicit(&pool->pooled, memory_order_relaxed);
    out->bytes_reserved = atomic_load_explicit(&pool->bytes_reserved, memory_order_relaxed);
}

const char *strand_stack_guard_low(const struct strand_stack *stack)
{
    return stack->low - stack->home->classes[stack->size_class].guard_bytes;
}

size_t strand_stack_usable_bytes(const struct strand_stack *stack)
{
    return stack->home->classes[stack->size_class].usable_bytes;
}

bool strand_stack_pool_holds(const struct strand_stack_pool *pool, const void *address)
{
    for (int class = 0; class < CLASSES; class++) {
        const struct slots *slots = &pool->classes[class];
        for (const struct arena *arena = slots->arenas; arena; arena = arena->next)
            if ((uintptr_t)address - (uintptr_t)arena->base < arena->slots * slot_bytes(slots))
                return true;
    }
    return false;
}
