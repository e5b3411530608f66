/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our side: bench-strand [--stack-bytes N] [--dense] [--bare-park] GROUP CASE.
 *
 * In `park` the strands wait in strand_read_line, all for lines of one stream, as strands in a
 * program do: what a parked one costs is then all of it, the frames of the library too. With
 * --bare-park they wait in strand_park, each for a wake of its own, as the peers do.
 */
#include <sys/socket.h>

#include <strand/strand.h>

#include "measure.h"

struct system_handle {
    strand_id id;
};

static strand_scheduler *scheduler;
static strand_stream *gate_in, *gate_out;   /* NULL: bare parks */

static void must(const char *what, int status)
{
    if (status == -EAGAIN || status == -ENOMEM)
        measure_refuse(what, status);
    if (status < 0)
        measure_fail(what, status);
}

static void system_spawn(void (*fn)(void *), void *argument)
{
    must("strand_spawn", strand_spawn(scheduler, fn, argument, NULL));
}

static void system_run(void (*root)(void *), void *argument)
{
    struct strand_options options = {.size = sizeof options, .stack_bytes = 256 * 1024};
    must("strand_spawn_with", strand_spawn_with(scheduler, &options, root, argument, NULL));
    must("strand_scheduler_run", strand_scheduler_run(scheduler));
}

static void system_yield(void)
{
    strand_yield();
}

static void read_gate(void)
{
    struct strand_line line = {.size = sizeof line};
    int status = strand_read_line(gate_in, &line);
    if (status != 1)
        measure_fail("strand_read_line", status < 0 ? status : EPIPE);   /* none was closed */
    must("strand_line_release", strand_line_release(gate_in));
}

static void system_park(struct system_handle *handle)
{
    if (gate_in) {
        read_gate();
        return;
    }
    handle->id = strand_self();
    must("strand_park", strand_park("benchmark", STRAND_FOREVER));
}

static void system_wake(struct system_handle *handle)
{
    must("strand_wake", strand_wake(handle->id));
}

#include "cases.h"

/* ---- park, in strand_read_line --------------------------------------------------------------- */

/* A line for each of them. */
static void gate_wake_all(long strands)
{
    for (long i = 0; i < strands; i++)
        must("strand_write_line", strand_write_line(gate_out, "", 0));
    must("strand_flush", strand_flush(gate_out));
}

static void gate_root(void *argument)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        measure_fail("socketpair", errno);
    must("strand_stream_open", strand_stream_open(fds[0], NULL, &gate_in));
    must("strand_stream_open", strand_stream_open(fds[1], NULL, &gate_out));
    cases_ways.wake_all = gate_wake_all;
    void (*root)(void *) = *(void (**)(void *))argument;
    root(NULL);
    strand_close(gate_out);
    strand_close(gate_in);
}

/* ---- memory-profile: the process before the library is used; with 100,000 strands in
 * strand_read_line, a tenth of which has been 100 KiB deep; and when all have idled long enough for
 * these stacks to have been trimmed. */

enum {
    PROFILE_STRANDS = 100000,
    PROFILE_DEEP_EACH = 10,             /* one in so many goes deep */
    PROFILE_FRAMES = 100,               /* of a good KiB */
    PROFILE_LOOK_NS = 10 * 1000 * 1000,
};

static const int64_t profile_limit_ns = (int64_t)60 * 1000 * 1000 * 1000;

/* Returns what it was given, after a way down that no compiler makes shorter. */
__attribute__((noinline)) static int profile_descend(int frames)
{
    volatile char frame[1024];
    frame[0] = (char)frames;
    frame[sizeof frame - 1] = (char)frames;
    int below = frames > 1 ? profile_descend(frames - 1) : 0;
    return below + (frame[0] == (char)frames && frame[sizeof frame - 1] == (char)frames);
}

static void profile_body(void *argument)
{
    long number = (struct system_handle *)argument - park.handles;
    if (number % PROFILE_DEEP_EACH == 0 && profile_descend(PROFILE_FRAMES) != PROFILE_FRAMES)
        measure_fail("a deep strand's frames", EFAULT);
    park.parked++;
    system_park((struct system_handle *)argument);
    park.finished++;
}

static uint64_t profile_trimmed(void)
{
    struct strand_scheduler_stats stats = {.size = sizeof stats};
    must("strand_scheduler_stats", strand_scheduler_stats(scheduler, &stats));
    uint64_t trimmed = 0;
    for (int class = 0; class < STRAND_STACK_CLASSES; class++)
        trimmed += stats.stack_classes[class].trimmed;
    return trimmed;
}

static void profile_await_trimming(uint64_t slots)
{
    int64_t deadline_ns = strand_now_ns() + profile_limit_ns;
    while (profile_trimmed() < slots) {
        if (strand_now_ns() > deadline_ns)
            measure_fail("memory-profile: not all deep stacks were trimmed", ETIMEDOUT);
        must("strand_sleep", strand_sleep(PROFILE_LOOK_NS));
    }
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
    profile_await_trimming(PROFILE_STRANDS / PROFILE_DEEP_EACH);
    measure_report("idle", (double)measure_memory_bytes());
    wake_all();
}

static void case_memory_profile(int64_t before_bytes)
{
    void (*root)(void *) = profile_root;
    park.handles = handles_create(PROFILE_STRANDS);
    measure_report("before", (double)before_bytes);
    system_run(gate_root, &root);
    free(park.handles);
}

/* ---- The program ----------------------------------------------------------------------------- */

static int run_case(const char *group, const char *name, int bare, int64_t before_bytes)
{
    if (!strcmp(group, "memory-profile")) {
        case_memory_profile(before_bytes);
        return 0;
    }
    cases_ways.around_park = bare ? NULL : gate_root;
    return cases_main(group, name);
}

static int print_version(void)
{
    struct strand_scheduler_stats stats = {.size = sizeof stats};
    must("strand_scheduler_stats", strand_scheduler_stats(scheduler, &stats));
    printf("%s %s\n", strand_version(), stats.context);
    return 0;
}

int main(int count, char **arguments)
{
    int64_t before_bytes = measure_memory_bytes();
    struct strand_scheduler_options options = {.size = sizeof options};
    options.stack_bytes = measure_option(&count, arguments, "--stack-bytes", 0);
    options.dense_stacks = measure_flag(&count, arguments, "--dense");
    int bare = measure_flag(&count, arguments, "--bare-park");
    must("strand_scheduler_init", strand_scheduler_init(&options, &scheduler));
    int result = 2;
    if (count == 2 && !strcmp(arguments[1], "version"))
        result = print_version();
    else if (count == 3)
        result = run_case(arguments[1], arguments[2], bare, before_bytes);
    if (result == 2)
        fprintf(stderr,
                "usage: bench-strand [--stack-bytes N] [--dense] [--bare-park] GROUP CASE\n");
    strand_scheduler_shutdown(scheduler);
    return result;
}
