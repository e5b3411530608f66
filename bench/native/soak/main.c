/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak SECONDS CONNECTIONS SEED [SERVER WORDS...]: the server is this program unless another is
 * named (words that start one, which gets the address of its unix socket as its last word); see
 * soak.h for what it must do.
 *
 * Prints a line every twentieth of the time and, at the end, how the low points of descriptors,
 * memory, mappings and ids of both moved over the second half. Ends with 1 where a line was lost
 * or mixed, a connection failed, a sum was wrong, or something did not stay flat or was not given
 * back.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "soak.h"

static unsigned failures;

void spawn(strand_entry entry, void *argument, strand_id *id)
{
    struct strand_options options = {.size = sizeof options, .stack_bytes = STACK_BYTES};
    int status = strand_spawn_with(NULL, &options, entry, argument, id);
    if (status < 0)
        measure_fail("spawn", status);
}

void run(strand_entry entry, void *argument)
{
    strand_scheduler *scheduler;
    int status = strand_scheduler_init(NULL, &scheduler);
    if (status == 0)
        status = strand_spawn(scheduler, entry, argument, NULL);
    if (status == 0)
        status = strand_scheduler_run(scheduler);
    if (status < 0)
        measure_fail("scheduler", status);
    strand_scheduler_shutdown(scheduler);
}

void allow_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

struct pipes {
    int to, from;
    struct soak soak;
};

static void open_streams(void *argument)
{
    struct pipes *pipes = argument;
    int status = strand_stream_open(pipes->to, NULL, &pipes->soak.to_server);
    if (status == 0)
        status = strand_stream_open(pipes->from, NULL, &pipes->soak.from_server);
    if (status < 0)
        measure_fail("pipes", status);
    failures += soak_run(&pipes->soak);
}

/* Before there is a scheduler: a fork then has nothing of it. */
static pid_t start_server(char **words, struct pipes *pipes)
{
    int down[2], up[2];
    if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0)
        measure_fail("pipe", errno);
    pid_t server = fork();
    if (server == 0) {
        dup2(down[0], 0);
        dup2(up[1], 1);
        execvp(words[0], words);
        measure_fail(words[0], errno);
    }
    close(down[0]);
    close(up[1]);
    pipes->to = down[1];
    pipes->from = up[0];
    return server;
}

static int soak(int count, char **words)
{
    struct pipes pipes = {.soak = {
        .duration_ns = (int64_t)(atof(words[1]) * (double)SECOND),
        .connections = (unsigned)atoi(words[2]),
        .seed = strtoull(words[3], NULL, 10),
    }};
    char unix_address[64], *own[] = {"/proc/self/exe", "serve", unix_address, NULL};
    char **server_words = calloc((size_t)count, sizeof *server_words);
    int status = 0;
    snprintf(unix_address, sizeof unix_address, "unix:/tmp/strand-soak-%d", (int)getpid());
    for (int i = 4; i < count; i++)
        server_words[i - 4] = words[i];
    if (count > 4)
        server_words[count - 4] = unix_address;
    pid_t server = start_server(count > 4 ? server_words : own, &pipes);
    printf("seed %llu\n", (unsigned long long)pipes.soak.seed);
    run(open_streams, &pipes);
    if (waitpid(server, &status, 0) != server || status != 0) {
        fprintf(stderr, "soak: the server ended with %d\n", status);
        failures++;
    }
    free(server_words);
    printf("%u failures\n", failures);
    return failures != 0;
}

int main(int count, char **words)
{
    allow_descriptors();
    if (count == 3 && strcmp(words[1], "serve") == 0)
        return run(serve, words[2]), 0;
    if (count == 5 && strcmp(words[1], "crowd") == 0)
        return run(be_crowd, words + 2), 0;
    if (count >= 4)
        return soak(count, words);
    fprintf(stderr, "usage: soak SECONDS CONNECTIONS SEED [SERVER WORDS...]\n");
    return 2;
}
