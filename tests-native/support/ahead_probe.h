/* SPDX-License-Identifier: Apache-2.0 */
/* A host with two strands and a stream, turn by turn; its calls are what the JNI glue makes. */
#ifndef STRAND_TESTS_AHEAD_PROBE_H
#define STRAND_TESTS_AHEAD_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strand/strand.h>

struct ahead_probe;

/* The scheduler is held until _end, which ends both strands. The first one runs. */
struct ahead_probe *ahead_probe_begin(strand_scheduler *s, int fd);
int ahead_probe_end(struct ahead_probe *p);

/* Steps of strand 0 or 1, whoever runs: only the stream asks. */
int ahead_probe_read(struct ahead_probe *p, int strand, struct strand_line *line);
int ahead_probe_write(struct ahead_probe *p, int strand, const char *text);
int ahead_probe_close(struct ahead_probe *p, int strand);
void ahead_probe_cancel(struct ahead_probe *p, int strand);
void ahead_probe_ready(struct ahead_probe *p, int strand);
/* Whoever runs sleeps for a moment, with all that a park does. */
void ahead_probe_nap(struct ahead_probe *p);
/* One more, which never begins. 0, -errno. */
int ahead_probe_spawn(struct ahead_probe *p);
void ahead_probe_yield(struct ahead_probe *p);
/* Whoever runs parks, in its step: who is next. */
int ahead_probe_park(struct ahead_probe *p);
int ahead_probe_finish(struct ahead_probe *p);            /* or ends; a new one is in its place */
unsigned ahead_probe_users(const struct ahead_probe *p);  /* strands in the middle of a call */

/* What the window shows. */
size_t ahead_probe_waiting_bytes(const struct ahead_probe *p);
size_t ahead_probe_in_capacity(const struct ahead_probe *p);
size_t ahead_probe_out_capacity(const struct ahead_probe *p);
bool ahead_probe_reads(const struct ahead_probe *p);      /* somebody has the turn */
uint64_t ahead_probe_unsent(const struct ahead_probe *p); /* streams */
/* What it allows. */
void ahead_probe_take_all(struct ahead_probe *p);
void ahead_probe_add(struct ahead_probe *p, const char *text);

#endif
