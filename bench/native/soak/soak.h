/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The soak: a server and its clients, a process each, that work for a long time and must not grow.
 *
 *   main.c      starts the server (this program again, or the Java one), runs the clients
 *   clients.c   the traffic: each line carries its connection and number; the samples
 *   crowd.c     clients that are killed in the middle
 *   work.c      beside the traffic, in both: children, timers, cancels, recursion, wakes; with sums
 *   server.c    echoes, and answers what it holds
 *   account.c   what a process holds, and how that moves
 *
 * The server says its two addresses, a line each, and then has a line of output for each of input:
 * "?" what it holds (struct holding, in the order of its fields), "+" its work begins, "-" its work
 * has ended. It ends with its input.
 */
#ifndef STRAND_BENCH_SOAK_H
#define STRAND_BENCH_SOAK_H

#include <stdbool.h>
#include <stdint.h>

#include <strand/strand.h>

#include "../measure.h"

#define SECOND INT64_C(1000000000)

enum { STACK_BYTES = 64 * 1024 };

/* What a process holds just now. */
struct holding {
    long descriptors, kib, mappings;
    long ids;                    /* the highest table entry that a strand has had */
    long connections;            /* strands that serve one */
    long rounds, wrong;          /* of the work beside: done; with a sum or an answer amiss */
};

enum { HOLDING_FIELDS = 7 };

void spawn(strand_entry entry, void *argument, strand_id *id);
void run(strand_entry entry, void *argument);
void allow_descriptors(void);
uint64_t next_random(uint64_t *state);

/* -- work.c -- */
void work_begin(uint64_t seed);
void work_end(void);             /* waits for it */
void work_count(struct holding *now);
void saw_id(strand_id id);

/* -- server.c -- */
void serve(void *unix_address);

/* -- crowd.c -- */
/* As a process: connects, says "ready", and talks until it is killed. */
void be_crowd(void *words);

/* -- account.c -- */
enum side { SERVER, CLIENTS, SIDES };
/* In each half of the time; the portions are what the second is judged by. */
enum { PORTIONS = 5, SAMPLES = PORTIONS * 24 };
void hold_now(struct holding *now);
void take_sample(enum side side, double seconds, const struct holding *now);
/* How each moved over the second half; what of it is not flat. */
unsigned judge(enum side side);

/* -- clients.c -- */
/* Of the server that is asked over these streams. */
struct soak {
    strand_stream *to_server, *from_server;
    char addresses[2][128];
    unsigned connections;
    uint64_t seed;
    int64_t duration_ns;
};
/* The failures. */
unsigned soak_run(struct soak *soak);

#endif
