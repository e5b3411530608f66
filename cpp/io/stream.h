/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: a descriptor with a line buffer on the way in and a coalescing buffer on the way out.
 * All operations are steps (wait.h): -EAGAIN with self armed, or done. The public functions are
 * loops of step and park in cpp/runtime; cpp/jni calls the same steps for Java strands.
 *
 *             +--------------------- stream ----------------------+
 *   readers   | [ line buffer: bytes read | lines not yet taken ] |
 *   queue  -> |                                                   | <-> descriptor <-> loop watch
 *   writers   | [ out: accepted, not yet with the kernel ]        |
 *   queue  -> +---------------------------------------------------+
 *
 * The step that was given -EAGAIN must be called again by the same strand with the same arguments,
 * or given up with strand_wait_done + strand_stream_give_up.
 */
#ifndef STRAND_IO_STREAM_H
#define STRAND_IO_STREAM_H

#include "scheduler.h"
#include "wait.h"

/* What io keeps for each scheduler: at scheduler->attached. */
struct strand_io;

/* 0, -ENOMEM. Sets s->attached and s->hooks. */
int strand_io_attach(strand_scheduler *s);
void strand_io_count(strand_scheduler *s, struct strand_scheduler_stats *out);

int strand_stream_create(strand_scheduler *s, int fd, const struct strand_stream_options *options,
                         strand_stream **out);
/* On another descriptor for the same thing, which is the stream's; fd stays the caller's. */
int strand_stream_create_on_copy(strand_scheduler *s, int fd, strand_stream **out);
/* fd 0 or 1, or 2; created at first use. -EBUSY when another scheduler owns it. */
int strand_stream_standard(strand_scheduler *s, int fd, strand_stream **out);

/* The deadline is the call's own, the same each time that it asks. */
int strand_stream_read_line_step(struct strand *self, strand_stream *in, struct strand_line *line,
                                 int64_t deadline_ns);
void strand_stream_release_line(struct strand *self, strand_stream *in);
ssize_t strand_stream_read_step(struct strand *self, strand_stream *in, void *to, size_t size,
                                int64_t deadline_ns);
/* `newline`: adds one. Accepts all or nothing: 0. An error of output accepted earlier is reported
 * by the next step that writes, flushes, shuts down or closes; reading goes on undisturbed. */
int strand_stream_write_step(struct strand *self, strand_stream *out, const void *from, size_t size,
                             bool newline, int64_t deadline_ns);
int strand_stream_flush_step(struct strand *self, strand_stream *s, int64_t deadline_ns);
int strand_stream_shutdown_step(struct strand *self, strand_stream *s, int64_t deadline_ns);
/*
 * Any result but -EAGAIN: the stream is gone (freed once its reader lets go of its line, and once
 * the strands that were in the middle of an operation have repeated their step or given up).
 * Cancelled, what was accepted still goes out; past the deadline it is dropped.
 */
int strand_stream_close_step(struct strand *self, strand_stream *s, int64_t deadline_ns);
/*
 * For the holder of a scheduler that runs no strand just now. What the kernel does not take at once
 * goes out in the next run; the result is an error of what it was given.
 */
int strand_stream_close_idle(strand_stream *s);

/* self stops in the middle of an operation (interrupted): leaves queues, lets the next one in. A
 * close given up goes on by itself: the stream is gone for its callers once what was accepted is
 * sent. */
void strand_stream_give_up(struct strand *self, strand_stream *s);

/* 0: the default. */
void strand_stream_set_max_line(strand_stream *s, size_t max_line_bytes);
/* What the calls that begin on it from now on are given. */
void strand_stream_set_deadline(strand_stream *s, int64_t deadline_ns);
int64_t strand_stream_deadline(const strand_stream *s);

#endif
