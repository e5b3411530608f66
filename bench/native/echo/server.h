/* SPDX-License-Identifier: Apache-2.0 */
/* The server under load: a child process on a core of its own, that prints its port on its standard
 * output once it listens (on 127.0.0.1). What fails ends the program with a message. */
#ifndef STRAND_BENCH_ECHO_SERVER_H
#define STRAND_BENCH_ECHO_SERVER_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct server {
    pid_t pid;
    int output;             /* stays open: a server may print more */
    uint16_t port;
    clockid_t cpu_clock;    /* of all its threads, also those that have ended */
};

/* core < 0: where it likes. It is killed when this process ends. */
void server_start(struct server *server, char *const *command, int core);
int64_t server_cpu_ns(const struct server *server);
/* Resident memory and the page tables that map it. */
int64_t server_memory_bytes(const struct server *server);
void server_kill(struct server *server);

#endif
