/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep.h"

#include "arena.h"
#include "pages.h"

enum { AT_ONCE = 512, AHEAD = 8 };

struct look {
    size_t idle, all;   /* resident pages below and in all */
};

/* False where the kernel does not say. */
static bool look_at(const struct strand_stack_pool *pool, char *low, char *idle_end, char *high,
                    struct look *look)
{
    unsigned char pages[AT_ONCE];
    *look = (struct look){0, 0};
    for (char *at = low; at < high; at += AT_ONCE * pool->page_bytes) {
        size_t count = (size_t)(high - at) / pool->page_bytes;
        if (count > AT_ONCE)
            count = AT_ONCE;
        if (strand_pages_resident(at, count * pool->page_bytes, pages) != 0)
            return false;
        for (size_t i = 0; i < count; i++) {
            look->all += pages[i] & 1;
            look->idle += (pages[i] & 1) && at + i * pool->page_bytes < idle_end;
        }
    }
    return true;
}

static void note_resident(struct strand_stack_slots *slots, const char *low, size_t pages)
{
    struct strand_stack_arena *arena = strand_stack_arena_of(slots, low);
    if (!arena)
        return;
    uint16_t *known = &arena->pages[(size_t)(low - arena->base) / strand_stack_slot_bytes(slots)];
    strand_counter_add(&slots->resident_pages, pages - *known);
    *known = (uint16_t)pages;
}

/* Whole pages below idle_end go, if any is in memory. */
static void trim(struct strand_stack_pool *pool, unsigned size_class, char *low, char *idle_end,
                 char *top)
{
    struct strand_stack_slots *slots = &pool->classes[size_class];
    char *high = (char *)(((uintptr_t)top + pool->page_bytes - 1) & ~(pool->page_bytes - 1));
    struct look look;
    idle_end = (char *)((uintptr_t)idle_end & ~(pool->page_bytes - 1));
    if (!look_at(pool, low, idle_end, high, &look))
        return;
    if (look.idle && strand_pages_trim(low, (size_t)(idle_end - low)) == 0) {
        look.all -= look.idle;
        strand_counter_add(&slots->trimmed, 1);
    }
    if (size_class != STRAND_STACK_OWN)
        note_resident(slots, low, look.all);
}

/* The next slot of those that stayed in the pool since the last sweep; false: there is none. */
static bool sweep_pooled(struct strand_stack_pool *pool)
{
    unsigned size_class = pool->sweep.size_class;
    struct strand_stack_slots *slots = &pool->classes[size_class];
    if (slots->examined < slots->idle) {
        struct strand_stack stack;
        char *top = strand_stack_without_mark(slots->free[slots->examined++]);
        strand_stack_describe(pool, size_class, top, &stack);
        trim(pool, size_class, stack.low, top - pool->control_bytes, top);
        return true;
    }
    slots->idle = slots->free_count;
    slots->idle_step = 1;
    if (!pool->limit)
        slots->take_above = slots->idle;
    return false;
}

static void visit(struct strand_stack_pool *pool, size_t index, strand_stack_visitor visitor,
                  void *context)
{
    unsigned size_class = pool->sweep.size_class;
    struct strand_stack_slots *slots = &pool->classes[size_class];
    struct strand_stack_arena *arena = pool->sweep.arena;
    char *top = strand_stack_slot_top(slots, true, arena, index);
    const struct strand_stack *stack;
    char *sp;
    switch (visitor(context, top, &stack, &sp)) {
    case STRAND_STACK_IDLE:
        trim(stack->home, stack->size_class, stack->low, sp, stack->low + stack->size_bytes);
        break;
    case STRAND_STACK_BUSY:
        if (arena->pages[index] == 0) {     /* one, until it is looked at */
            arena->pages[index] = 1;
            strand_counter_add(&slots->resident_pages, 1);
        }
        break;
    case STRAND_STACK_UNKNOWN:
        if (arena->pages[index] == 0) {
            char *low = arena->base + index * strand_stack_slot_bytes(slots) + slots->guard_bytes;
            trim(pool, size_class, low, low, top);
        }
        break;
    }
}

/* The next slot of the arenas there were when the sweep came to this class. */
static bool sweep_live(struct strand_stack_pool *pool, strand_stack_visitor visitor, void *context)
{
    struct strand_stack_sweep *sweep = &pool->sweep;
    struct strand_stack_slots *slots = &pool->classes[sweep->size_class];
    while (sweep->arena && sweep->index == sweep->arena->opened) {
        sweep->arena = sweep->arena->next;
        sweep->index = 0;
    }
    if (!sweep->arena)
        return false;
    if (sweep->index + AHEAD < sweep->arena->opened)
        __builtin_prefetch(
            strand_stack_slot_top(slots, true, sweep->arena, sweep->index + AHEAD) -
            pool->control_bytes);
    visit(pool, sweep->index++, visitor, context);
    return true;
}

void strand_stack_sweep_begin(struct strand_stack_pool *pool)
{
    pool->sweep = (struct strand_stack_sweep){.size_class = STRAND_STACK_8K};
}

bool strand_stack_sweep(struct strand_stack_pool *pool, size_t count, strand_stack_visitor visitor,
                        void *context)
{
    struct strand_stack_sweep *sweep = &pool->sweep;
    while (sweep->size_class < STRAND_STACK_CLASS_COUNT) {
        if (count-- == 0)
            return true;
        if (!sweep->live) {
            if (sweep_pooled(pool))
                continue;
            sweep->live = true;
            sweep->arena = pool->classes[sweep->size_class].arenas;
            sweep->index = 0;
        }
        if (sweep_live(pool, visitor, context))
            continue;
        sweep->live = false;
        sweep->size_class++;
    }
    return false;
}
