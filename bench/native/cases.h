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
 * and calls cases_main from main, with `cases_ways` set where it does something else than most.
 * Waiting is by yielding: in a FIFO whoever yields runs again after everyone else has had a turn.
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

static struct {
    int starts_at_once;              /* a spawn runs the new one before the spawner goes on */
    void (*around_park)(void *);     /* NULL, or the root of `park`, given a pointer to ours */
    void (*wake_all)(long strands);  /* NULL: by system_wake, one after the other */
} cases_ways;

/* ---- yield N: the strand spawned last reads the clock; between its readings every strand, itself
 * too, has yielded `laps` times. The first lap brings the pages in and is not timed. */

struct yield_case {
    long strands, laps;
    struct system_handle *handles;   /* where spawns start at once: all wait for the last */
    int64_t begin_ns, end_ns;
};

static struct yield_case yields;

static void yield_await_start(struct system_handle *handle)
{
    if (handle)
        system_park(handle);
}

static void yield_laps(long laps)
{
    for (long lap = 0; lap < laps; lap++)
        system_yield();
}

static void yield_body(void *argument)
{
    yield_await_start((struct system_handle *)argument);
    yield_laps(yields.laps + 1);
}

static void yield_timed_body(void *argument)
{
    yield_await_start((struct system_handle *)argument);
    system_yield();
    yields.begin_ns = measure_now_ns();
    yield_laps(yields.laps);
    yields.end_ns = measure_now_ns();
}

static void yield_root(void *argument)
{
    (void)argument;
    struct system_handle *handles = yields.handles;
    for (long i = 0; i < yields.strands; i++)
        system_spawn(i + 1 < yields.strands ? yield_body : yield_timed_body,
                     handles ? &handles[i] : NULL);
    for (long i = 0; handles && i < yields.strands; i++)
        system_wake(&handles[i]);
}

static struct system_handle *handles_create(long count)
{
    size_t size = (size_t)count * sizeof(struct system_handle);
    struct system_handle *handles = (struct system_handle *)malloc(size);
    if (!handles)
        measure_refuse("handles", ENOMEM);
    memset(handles, 1, size);   /* touched here, so that it counts as nobody's memory */
    return handles;
}

static void case_yield(const char *name)
{
    yields.strands = strtol(name, NULL, 10);
    yields.laps = CASES_YIELDS / yields.strands;
    if (yields.laps < CASES_LAPS)
        yields.laps = CASES_LAPS;
    if (cases_ways.starts_at_once)
        yields.handles = handles_create(yields.strands);
    system_run(yield_root, NULL);
    double yielded = (double)yields.strands * (double)yields.laps;
    measure_report(name, (double)(yields.end_ns - yields.begin_ns) / yielded);
    free(yields.handles);
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

static void wake_each(void)
{
    for (long i = 0; i < park.strands; i++)
        system_wake(&park.handles[i]);
}

static double wake_all(void)
{
    int64_t begin_ns = measure_now_ns();
    park.finished = 0;
    if (cases_ways.wake_all)
        cases_ways.wake_all(park.strands);
    else
        wake_each();
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
    park.handles = handles_create(park.strands);
    void (*root)(void *) = park_root;
    system_run(cases_ways.around_park ? cases_ways.around_park : park_root, &root);
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
