/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parked PARKED CONNECTIONS LINES ROUNDS: what strands that stay parked cost those that do not.
 *
 * In turn, ROUNDS times: CONNECTIONS connections, client and echo strands in one process, exchange
 * LINES checked lines in all, once alone and once beside PARKED strands. Prints lines a second of
 * CPU time of both, medians, and the ratio; ends with 1 where a line did not come back as it went.
 */
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <strand/strand.h>

#include "measure.h"

enum { STACK_BYTES = 16 * 1024, IN_FLIGHT = 10, MOST_ROUNDS = 31 };

struct client {
    int fd;
    unsigned number, lines;
};

static unsigned parked_wanted, connections, lines_each, left, wrong;
static strand_id *parked;
static int64_t began_ns, took_ns;

/* All is in one process on one carrier: its CPU time is the exchange's, whoever shares the core. */
static int64_t cpu_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void check(const char *what, int status)
{
    if (status < 0)
        measure_refuse(what, status);
}

static void spawn(strand_entry entry, void *argument, strand_id *id, size_t stack_bytes)
{
    struct strand_options options = {.size = sizeof options, .stack_bytes = stack_bytes};
    check("spawn", strand_spawn_with(NULL, &options, entry, argument, id));
}

static void stay_parked(void *unused)
{
    (void)unused;
    strand_park("stays parked", STRAND_FOREVER);
}

static strand_stream *stream_on(int fd)
{
    strand_stream *stream = NULL;
    check("stream", strand_stream_open(fd, NULL, &stream));
    return stream;
}

static void echo(void *argument)
{
    struct strand_line line = {.size = sizeof line};
    strand_stream *stream = stream_on((int)(intptr_t)argument);
    while (strand_read_line(stream, &line) == 1)
        strand_write_line(stream, line.text, line.length);
    strand_close(stream);
}

static int text_of(const struct client *c, unsigned line, char text[64])
{
    return sprintf(text, "connection %u, line %u, and some more", c->number, line);
}

static void end_if_last(void)
{
    if (--left > 0)
        return;
    took_ns = cpu_now_ns() - began_ns;
    for (unsigned i = 0; i < parked_wanted; i++)
        strand_wake(parked[i]);
}

static void exchange(void *argument)
{
    const struct client *c = argument;
    struct strand_line line = {.size = sizeof line};
    strand_stream *stream = stream_on(c->fd);
    char text[64];
    for (unsigned i = 0; i < c->lines; i += IN_FLIGHT) {
        for (unsigned k = i; k < i + IN_FLIGHT; k++)
            strand_write_line(stream, text, (size_t)text_of(c, k, text));
        for (unsigned k = i; k < i + IN_FLIGHT; k++) {
            size_t length = (size_t)text_of(c, k, text);
            bool right = strand_read_line(stream, &line) == 1 && line.length == length &&
                         memcmp(line.text, text, length) == 0;
            wrong += !right;
        }
    }
    strand_close(stream);
    end_if_last();
}

static void begin(void *unused)
{
    (void)unused;
    struct client *clients = calloc(connections, sizeof *clients);
    for (unsigned i = 0; i < parked_wanted; i++)
        spawn(stay_parked, NULL, &parked[i], STACK_BYTES);
    strand_yield();      /* they are parked */
    left = connections;
    began_ns = cpu_now_ns();
    for (unsigned i = 0; i < connections; i++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            measure_refuse("socketpair", errno);
        clients[i] = (struct client){ends[0], i, lines_each};
        spawn(echo, (void *)(intptr_t)ends[1], NULL, STACK_BYTES);
        spawn(exchange, &clients[i], NULL, STACK_BYTES);
    }
    while (left > 0)
        strand_park("the exchange", strand_now_ns() + 10000000);
    free(clients);
}

/* Lines a second of CPU time, in a process of its own: neither finds the other's memory. */
static double measure(unsigned beside)
{
    int ends[2], status;
    double rate = 0;
    if (pipe(ends) != 0)
        measure_fail("pipe", errno);
    pid_t child = fork();
    if (child == 0) {
        strand_scheduler *s;
        parked_wanted = beside;
        parked = calloc(beside + 1, sizeof *parked);
        check("scheduler", strand_scheduler_init(NULL, &s));
        check("spawn", strand_spawn(s, begin, NULL, NULL));
        check("run", strand_scheduler_run(s));
        rate = wrong ? -1 : (double)connections * lines_each * 1e9 / (double)took_ns;
        if (write(ends[1], &rate, sizeof rate) != sizeof rate)
            _exit(1);
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &rate, sizeof rate) != sizeof rate)
        rate = 0;
    close(ends[0]);
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == MEASURE_REFUSED)
        exit(MEASURE_REFUSED);
    if (rate <= 0) {
        fprintf(stderr, "parked: a line did not come back as it went\n");
        exit(1);
    }
    return rate;
}

static int by_size(const void *a, const void *b)
{
    double left_one = *(const double *)a, right_one = *(const double *)b;
    return (left_one > right_one) - (left_one < right_one);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

int main(int count, char **words)
{
    double alone[MOST_ROUNDS], beside[MOST_ROUNDS];
    struct rlimit limit;
    if (count != 5) {
        fprintf(stderr, "usage: parked PARKED CONNECTIONS LINES ROUNDS\n");
        return 2;
    }
    unsigned wanted = (unsigned)atoi(words[1]);
    int rounds = atoi(words[4]);
    connections = (unsigned)atoi(words[2]);
    lines_each = (unsigned)atoi(words[3]) / connections;
    rounds = rounds < 1 ? 1 : rounds > MOST_ROUNDS ? MOST_ROUNDS : rounds;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < rounds; i++) {
        alone[i] = measure(0);
        beside[i] = measure(wanted);
        fprintf(stderr, "round %d: alone %.0f lines/s, beside %u parked %.0f\n", i + 1, alone[i],
                wanted, beside[i]);
    }
    double a = median(alone, rounds), b = median(beside, rounds);
    printf("alone %.0f\nbeside %.0f\nratio %.3f\n", a, b, b / a);
    return 0;
}
