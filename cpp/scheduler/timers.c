/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap: the earliest deadline at the root, equal ones by the order they were set. */
#include <errno.h>
#include <stdlib.h>

#include "scheduler.h"

static bool before(const struct strand_timer *a, const struct strand_timer *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns
                                            : a->sequence < b->sequence;
}

static void put(struct strand_timers *timers, size_t place, struct strand_timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void rise(struct strand_timers *timers, size_t place, struct strand_timer *timer)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (!before(timer, timers->heap[parent]))
            break;
        put(timers, place, timers->heap[parent]);
        place = parent;
    }
    put(timers, place, timer);
}

static void sink(struct strand_timers *timers, size_t place, struct strand_timer *timer)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && before(timers->heap[child + 1], timers->heap[child]))
            child++;
        if (!before(timers->heap[child], timer))
            break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, timer);
}

int strand_timers_add(struct strand_timers *timers, struct strand_timer *timer)
{
    if (timers->count == timers->capacity) {
        size_t capacity = timers->capacity ? 2 * timers->capacity : 64;
        struct strand_timer **heap = realloc(timers->heap, capacity * sizeof *heap);
        if (!heap)
            return -ENOMEM;
        timers->heap = heap;
        timers->capacity = capacity;
    }
    timer->sequence = timers->next_sequence++;
    rise(timers, timers->count++, timer);
    return 0;
}

void strand_timers_remove(struct strand_timers *timers, struct strand_timer *timer)
{
    size_t place = timer->place;
    if (place == SIZE_MAX)
        return;
    CHECK(timers->heap[place] == timer);
    timer->place = SIZE_MAX;
    struct strand_timer *last = timers->heap[--timers->count];
    if (last == timer)
        return;
    if (place > 0 && before(last, timers->heap[(place - 1) / 2]))
        rise(timers, place, last);
    else
        sink(timers, place, last);
}

void strand_scheduler_fire_timers(strand_scheduler *s)
{
    while (s->timers.count && s->timers.heap[0]->deadline_ns <= s->now_ns) {
        struct strand_timer *timer = s->timers.heap[0];
        strand_timers_remove(&s->timers, timer);
        strand_counter_add(&s->timers_fired, 1);
        timer->fire(timer);
    }
}
