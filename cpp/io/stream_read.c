/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"
#include "io.h"

/* Raw reads of at least this size go past the line buffer when that is empty. */
#define DIRECT_BYTES ((size_t)4096)

void strand_stream_drop_line(strand_stream *s)
{
    s->line_kept = 0;
    strand_link_remove(&s->held);
    if (s->object.closed)
        strand_object_release_unused(&s->object);
    else
        strand_turn_pass(&s->reader);
}

/* Others wait while a line is kept: io looks whether its reader ends without letting go of it. */
static void note_held(strand_stream *in)
{
    if (in->line_kept && !strand_list_empty(&in->reader.queue) && !strand_link_listed(&in->held))
        strand_io_look_at(in->io, &in->io->held, &in->held);
}

static int queue_to_read(struct strand *self, strand_stream *in, int64_t deadline_ns)
{
    int status = strand_turn_queue(self, &in->reader, "its turn to read", deadline_ns);
    note_held(in);
    return status;
}

static int enter_slowly(struct strand *self, strand_stream *in, int64_t deadline_ns)
{
    if (in->closing)
        return -EBADF;
    if (in->reader.holder == self->id) {
        if (!in->line_kept)
            return 0;
        in->line_kept = 0;
        strand_link_remove(&in->held);
        if (strand_list_empty(&in->reader.queue))
            return 0;
        strand_turn_pass(&in->reader);
    }
    if (self->scheduler != in->io->scheduler)
        return -EPERM;
    if (strand_turn_free(&in->reader)) {
        in->reader.holder = self->id;
        return 0;
    }
    return queue_to_read(self, in, deadline_ns);
}

/* Mostly it is the reader that has the turn, back for its next line, and nobody else wants one: if
 * somebody does while a line is kept, that is listed as held. */
static inline int enter(struct strand *self, strand_stream *in, int64_t deadline_ns)
{
    if (in->reader.holder != self->id || in->closing || strand_link_listed(&in->held))
        return enter_slowly(self, in, deadline_ns);
    in->line_kept = 0;
    return 0;
}

/* The end of a call that keeps no line. */
static ssize_t leave(struct strand *self, strand_stream *in, ssize_t result)
{
    if (result == -EAGAIN)
        return strand_operation_repeats(self, &in->object);
    strand_wait_done(self);
    if (in->reader.holder == self->id) {
        bool kept = in->line_kept;
        if (strand_line_buffer_length(&in->lines) == 0 && !kept)
            strand_line_buffer_rest(&in->lines);
        in->line_kept = 0;
        if (kept && in->object.closed)
            strand_object_release_unused(&in->object);
        else
            strand_turn_pass(&in->reader);
    }
    strand_operation_end(self);
    return result;
}

static bool must_ask(const struct strand *self, const strand_stream *in, int64_t deadline_ns)
{
    return in->readable || strand_wait_is_over(self, deadline_ns);
}

/* What the loop does not take is asked again after a pause. */
static int pause_reading(struct strand *self, strand_stream *in, int64_t deadline_ns)
{
    in->readable = 1;
    strand_backoff_begin(&in->read_backoff);
    int status = strand_backoff_step(self, &in->read_backoff, &in->reader.waiting,
                                     "input, unwatched", deadline_ns);
    return status ? status : strand_wait_give_way(self);      /* it is over already */
}

static int wait_for_input(struct strand *self, strand_stream *in, int64_t deadline_ns)
{
    in->refills = 0;
    in->taken = 0;
    int status = strand_stream_wait(self, in, &in->reader, "input", deadline_ns);
    if (status == -EPERM)
        status = pause_reading(self, in, deadline_ns);
    if (status == -EAGAIN)
        strand_line_buffer_rest(&in->lines);
    return status;
}

/*
 * After a short read the descriptor is empty, which spares one read in two; but not when the end or
 * urgent data (which make no further event, since they came with what lies before them) may be next.
 * One byte alone tells nothing: it is what those give who cut reads short, tracers and filters
 * between us and the kernel.
 */
ssize_t strand_stream_receive(strand_stream *in, void *to, size_t size)
{
    ssize_t count = strand_descriptor_read(&in->descriptor, to, size);
    if (count < 0) {
        if (count == -EAGAIN)
            in->readable = 0;
        return count;
    }
    in->refills++;
    if (!strand_loop_watched(&in->watch))
        strand_backoff_end(&in->read_backoff);
    if ((size_t)count < size && in->short_read_tells && !in->hangup && count > 1)
        in->readable = 0;
    strand_counter_add(&in->io->bytes_in, (uint64_t)count);
    return count;
}

static int take_error(strand_stream *in)
{
    int error = in->in_error;
    in->in_error = 0;
    return error;
}

/* A positive count, 0 at the end of input; else as a step. */
static ssize_t read_some(struct strand *self, strand_stream *in, void *to, size_t size,
                         int64_t deadline_ns)
{
    if (in->in_error)
        return take_error(in);
    if (!must_ask(self, in, deadline_ns))
        return wait_for_input(self, in, deadline_ns);
    if (in->refills >= STRAND_IO_SHARE) {
        in->refills = 0;
        return strand_wait_give_way(self);
    }
    ssize_t count = strand_stream_receive(in, to, size);
    return count == -EAGAIN ? wait_for_input(self, in, deadline_ns) : count;
}

/* 0: the line buffer has more, or knows the end. */
static int refill(struct strand *self, strand_stream *in, int64_t deadline_ns)
{
    char *to;
    size_t size;
    if (!must_ask(self, in, deadline_ns))
        return wait_for_input(self, in, deadline_ns);
    int status = strand_line_buffer_room(&in->lines, &to, &size);
    if (status < 0)
        return status;
    ssize_t count = read_some(self, in, to, size, deadline_ns);
    if (count < 0)
        return (int)count;
    if (count == 0)
        strand_line_buffer_end(&in->lines);
    else
        strand_line_buffer_filled(&in->lines, (size_t)count);
    return 0;
}

/* The end of a call for a line. */
static int end_line(struct strand *self, strand_stream *in, int status)
{
    if (status == -E2BIG)
        strand_counter_add(&in->io->overlong_lines, 1);
    if (status != 1)
        return (int)leave(self, in, status);
    in->line_kept = 1;
    note_held(in);
    strand_counter_add(&in->io->lines_in, 1);
    strand_wait_done(self);
    strand_operation_end(self);
    return 1;
}

/* 0; or -EAGAIN: others go on first, the stream having had its share. The bytes have come already,
 * so that a cancel is not met here. */
static int take_share(struct strand *self, strand_stream *in)
{
    if (++in->taken <= STRAND_LINES_SHARE)
        return 0;
    in->taken = 0;
    return strand_wait_pass_by(self);
}

static __attribute__((noinline)) int read_line_slowly(struct strand *self, strand_stream *in,
                                                      struct strand_line *line,
                                                      int64_t deadline_ns)
{
    int status = enter(self, in, deadline_ns);
    if (status == 0) {
        in->wants_line = 0;
        status = take_share(self, in);
    }
    if (status < 0)
        return (int)leave(self, in, status);
    while ((status = strand_line_buffer_next(&in->lines, line)) == -EAGAIN) {
        status = refill(self, in, deadline_ns);
        if (status < 0) {
            in->wants_line = status == -EAGAIN;
            return (int)leave(self, in, status);
        }
    }
    return end_line(self, in, status);
}

/* Back for the next line, and alone. It has kept one until now, so it is in no other call. */
static inline bool is_back_alone(const struct strand *self, const strand_stream *in)
{
    return in->reader.holder == self->id && in->line_kept && !in->closing &&
           strand_list_empty(&in->reader.queue);
}

/* Mostly the next line is here: then nothing is entered or left, the turn and the line are kept. */
int strand_stream_read_line_step(struct strand *self, strand_stream *in, struct strand_line *line,
                                 int64_t deadline_ns)
{
    const char *newline = NULL;
    if (line->size < sizeof *line)
        return -EINVAL;
    if (is_back_alone(self, in) && !in->lines.skipping && in->taken < STRAND_LINES_SHARE)
        newline = strand_line_buffer_find(&in->lines);
    if (!newline)
        return read_line_slowly(self, in, line, deadline_ns);
    in->taken++;
    int status = strand_line_buffer_cut(&in->lines, newline, line);
    if (status < 0) {
        in->line_kept = 0;
        strand_link_remove(&in->held);
        return end_line(self, in, status);
    }
    strand_counter_add(&in->io->lines_in, 1);
    self->unpark = 0;
    return 1;
}

void strand_stream_release_line(struct strand *self, strand_stream *in)
{
    if (!in->line_kept || in->reader.holder != self->id)
        return;
    if (strand_line_buffer_length(&in->lines) == 0)
        strand_line_buffer_rest(&in->lines);
    strand_stream_drop_line(in);
}

ssize_t strand_stream_read_step(struct strand *self, strand_stream *in, void *to, size_t size,
                                int64_t deadline_ns)
{
    ssize_t count = enter(self, in, deadline_ns);
    if (count == 0) {
        in->wants_line = 0;
        count = take_share(self, in);
    }
    while (count == 0 && size > 0) {
        count = (ssize_t)strand_line_buffer_take(&in->lines, to, size);
        if (count > 0 || in->lines.ended)
            break;
        if (size < DIRECT_BYTES) {
            count = refill(self, in, deadline_ns);
            continue;
        }
        count = read_some(self, in, to, size, deadline_ns);
        if (count == 0)
            strand_line_buffer_end(&in->lines);
        break;
    }
    return leave(self, in, count);
}
