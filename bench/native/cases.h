/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases `yield N`, `spawn warm` and `park N`, written once for every system in C and C++, so
 * that all of them do the same work. The including file defines, before including this:
 *
 *   struct system_handle { ... };                          what wakes a parked one
 *   static void system_run(void (*root)(void *), void *);  runs root in a strand, until all ended
 *   static void system_spawn(void (*fn)(void *), void *);
 *   static void system_yield(void);                        to the tail of the ready queue
 *   static void system_park(struct system_handle *);       fills the handle in, then parks
 *   static void system_wake(struct system_handle *);
 *
 * and calls cases_main from main. Waiting is by yielding: in a FIFO whoever yields runs again after
 * everyone else has had a turn.
 */
#ifndef STRAND_BENCH_CASES_H
#define STRAND_BENCH_CASES_H

#include "measure.h"

enum {
    CASES_YIELDS = 10000000,   /* timed, in all, but at least CASES_LAPS a strand */
    CASES_LAPS = 5,
    CASES_BATCH = 1000,
    CASES_BATCHES = 1000,
    CASES_WARM_BATCHES = 100,
};

/* ---- yield N: the strand spawned last reads the clock; between its readings every strand, itself
 * too, has yielded `laps` times. The first lap brings the pages in and is not timed. */

struct yield_case {
    long strands, laps;
    int64_t begin_ns, end_ns;
};

static void yield_laps(long laps)
{
    for (long lap = 0; lap < laps; lap++)
        system_yield();
}

static void yield_body(void *argument)
{
    const struct yield_case *c = (const struct yield_case *)argument;
    yield_laps(c->laps + 1);
}

static void yield_timed_body(void *argument)
{
    struct yield_case *c = (struct yield_case *)argument;
    system_yield();
    c->begin_ns = measure_now_ns();
    yield_laps(c->laps);
    c->end_ns = measure_now_ns();
}

static void yield_root(void *argument)
{
    struct yield_case *c = (struct yield_case *)argument;
    for (long i = 1; i < c->strands; i++)
        system_spawn(yield_body, c);
    system_spawn(yield_timed_body, c);
}

static void case_yield(const char *name)
{
    struct yield_case c = {strtol(name, NULL, 10), 0, 0, 0};
    c.laps = CASES_YIELDS / c.strands;
    if (c.laps < CASES_LAPS)
        c.laps = CASES_LAPS;
    system_run(yield_root, &c);
    measure_report(name, (double)(c.end_ns - c.begin_ns) / ((double)c.strands * (double)c.laps));
}

/* ---- spawn warm ------------------------------------------------------------------------------ */

static long spawn_finished;

static void spawn_body(void *argument)
{
    (void)argument;
    spawn_finished++;
}

static void spawn_batches(int batches)
{
    for (int batch = 0; batch < batches; batch++) {
        spawn_finished = 0;
        for (int i = 0; i < CASES_BATCH; i++)
            system_spawn(spawn_body, NULL);
        while (spawn_finished < CASES_BATCH)
            system_yield();
    }
}

static void spawn_root(void *argument)
{
    double *ns = (double *)argument;
    spawn_batches(CASES_WARM_BATCHES);
    int64_t begin_ns = measure_now_ns();
    spawn_batches(CASES_BATCHES);
    *ns = (double)(measure_now_ns() - begin_ns) / ((double)CASES_BATCHES * CASES_BATCH);
}

static void case_spawn(const char *name)
{
    double ns = 0;
    system_run(spawn_root, &ns);
    measure_report(name, ns);
}

/* ---- park N: cold, memory, wake, and warm on the stacks that the first ones left ------------- */

struct park_case {
    long strands, parked, finished;
    struct system_handle *handles;
    double cold_ns, warm_ns, wake_ms, memory_bytes;
};

static struct park_case park;

static void park_body(void *argument)
{
    park.parked++;
    system_park((struct system_handle *)argument);
    park.finished++;
}

static double park_all(void)
{
    int64_t begin_ns = measure_now_ns();
    park.parked = 0;
    for (long i = 0; i < park.strands; i++)
        system_spawn(park_body, &park.handles[i]);
    while (park.parked < park.strands)
        system_yield();
    return (double)(measure_now_ns() - begin_ns) / (double)park.strands;
}

static double wake_all(void)
{
    int64_t begin_ns = measure_now_ns();
    park.finished = 0;
    for (long i = 0; i < park.strands; i++)
        system_wake(&park.handles[i]);
    while (park.finished < park.strands)
        system_yield();
    system_yield();   /* some systems take the stacks back in a strand of their own */
    return (double)(measure_now_ns() - begin_ns) / 1e6;
}

static void park_root(void *argument)
{
    (void)argument;
    int64_t before_bytes = measure_memory_bytes();
    park.cold_ns = park_all();
    park.memory_bytes = (double)(measure_memory_bytes() - before_bytes) / (double)park.strands;
    park.wake_ms = wake_all();
    park.warm_ns = park_all();
    wake_all();
}

static void case_park(const char *name)
{
    park.strands = strtol(name, NULL, 10);
    size_t size = (size_t)park.strands * sizeof *park.handles;
    park.handles = (struct system_handle *)malloc(size);
    if (!park.handles)
        measure_fail("handles", ENOMEM);
    memset(park.handles, 1, size);   /* touched here, so that it counts as nobody's memory */
    system_run(park_root, NULL);
    printf("%s cold %.3f\n%s warm %.3f\n", name, park.cold_ns, name, park.warm_ns);
    printf("%s wake %.3f\n%s memory %.3f\n", name, park.wake_ms, name, park.memory_bytes);
    free(park.handles);
}

static int cases_main(const char *group, const char *name)
{
    if (!strcmp(group, "yield") && strtol(name, NULL, 10) > 0)
        case_yield(name);
    else if (!strcmp(group, "spawn"))
        case_spawn(name);
    else if (!strcmp(group, "park") && strtol(name, NULL, 10) > 0)
        case_park(name);
    else
        return 2;
    return 0;
}

#endif
