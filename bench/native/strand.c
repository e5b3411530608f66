/* SPDX-License-Identifier: Apache-2.0 */
/* Our side: bench-strand [--stack-bytes N] GROUP CASE. */
#include <strand/strand.h>

#include "measure.h"

struct system_handle {
    strand_id id;
};

static strand_scheduler *scheduler;

static void system_spawn(void (*fn)(void *), void *argument)
{
    int status = strand_spawn(scheduler, fn, argument, NULL);
    if (status < 0)
        measure_fail("strand_spawn", status);
}

static void system_run(void (*root)(void *), void *argument)
{
    system_spawn(root, argument);
    int status = strand_scheduler_run(scheduler);
    if (status < 0)
        measure_fail("strand_scheduler_run", status);
}

static void system_yield(void)
{
    strand_yield();
}

static void system_park(struct system_handle *handle)
{
    handle->id = strand_self();
    int status = strand_park("benchmark", STRAND_FOREVER);
    if (status < 0)
        measure_fail("strand_park", status);
}

static void system_wake(struct system_handle *handle)
{
    int status = strand_wake(handle->id);
    if (status < 0)
        measure_fail("strand_wake", status);
}

#include "cases.h"

/* memory-profile: the process before the library is used, with 10,000 parked strands that have each
 * touched 32 KiB of stack, and when these have ended. */
enum { PROFILE_STRANDS = 10000, PROFILE_DEPTH_BYTES = 32 * 1024 };

static void profile_body(void *argument)
{
    volatile char deep[PROFILE_DEPTH_BYTES];
    for (size_t i = 0; i < sizeof deep; i += 1024)
        deep[i] = 1;
    park.parked++;
    system_park((struct system_handle *)argument);
    park.finished++;
}

static void profile_root(void *argument)
{
    (void)argument;
    park.strands = PROFILE_STRANDS;
    for (long i = 0; i < park.strands; i++)
        system_spawn(profile_body, &park.handles[i]);
    while (park.parked < park.strands)
        system_yield();
    measure_report("loaded", (double)measure_memory_bytes());
    wake_all();
    measure_report("idle", (double)measure_memory_bytes());
}

static void case_memory_profile(int64_t before_bytes)
{
    static struct system_handle handles[PROFILE_STRANDS];
    park.handles = handles;
    measure_report("before", (double)before_bytes);
    system_run(profile_root, NULL);
}

int main(int count, char **arguments)
{
    int64_t before_bytes = measure_memory_bytes();
    struct strand_scheduler_options options = {.size = sizeof options, .stack_bytes = 64 * 1024};
    if (count >= 4 && !strcmp(arguments[1], "--stack-bytes")) {
        options.stack_bytes = strtoul(arguments[2], NULL, 10);
        arguments += 2;
        count -= 2;
    }
    if (count == 2 && !strcmp(arguments[1], "version")) {
        printf("%s\n", strand_version());
        return 0;
    }
    int status = strand_scheduler_init(&options, &scheduler);
    if (status < 0)
        measure_fail("strand_scheduler_init", status);
    int result = 2;
    if (count == 3 && !strcmp(arguments[1], "memory-profile")) {
        case_memory_profile(before_bytes);
        result = 0;
    } else if (count == 3) {
        result = cases_main(arguments[1], arguments[2]);
    }
    if (result == 2)
        fprintf(stderr, "usage: bench-strand [--stack-bytes N] GROUP CASE\n");
    strand_scheduler_shutdown(scheduler);
    return result;
}
