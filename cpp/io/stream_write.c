/* SPDX-License-Identifier: Apache-2.0 */
#include "io.h"

#include <stdint.h>

/*
 * A stream is in scheduler->unsent while it holds a buffer for output, and in io's list while
 * writing may help. So whoever finds a buffer there can add to it, and it will be sent; one that got
 * nothing goes back as its turn to be written out comes.
 */
static int hold_buffer(strand_stream *s, size_t size)
{
    bool held = s->out.bytes != NULL;
    int status = strand_out_buffer_reserve(&s->out, size);
    if (status < 0 || held || !s->out.bytes)
        return status;
    strand_counter_add(&s->io->scheduler->unsent, 1);
    if (!s->blocked)
        strand_io_look_at(s->io, &s->io->unsent, &s->unsent);
    return 0;
}

static void all_sent(strand_stream *s)
{
    strand_counter_subtract(&s->io->scheduler->unsent, 1);
    strand_link_remove(&s->unsent);
}

void strand_stream_discard_output(strand_stream *s)
{
    if (!s->out.bytes)
        return;
    strand_out_buffer_close(&s->out);
    all_sent(s);
}

void strand_stream_lend(strand_stream *s)
{
    if (!s->out.bytes && strand_turn_free(&s->writer) && !s->out_error &&
        !(s->closing | s->shut | s->blocked))
        (void)hold_buffer(s, 1);      /* no memory: then it is asked for by the step */
}

int strand_stream_take_error(strand_stream *s)
{
    int error = s->out_error;
    s->out_error = 0;
    return error;
}

/* The loop may not take the descriptor (it knows no such device, there are too many watches, no
 * memory): then it is tried again after a pause, and if there is no memory for that either, at the
 * next flush. */
static void become_blocked(strand_stream *s)
{
    s->blocked = strand_stream_watch(s) == 0;
    if (s->blocked)
        return;
    if (s->retry.place == SIZE_MAX) {
        strand_backoff_begin(&s->write_backoff);
        s->retry.deadline_ns = s->write_backoff.until_ns;
        s->blocked = strand_timers_add(&s->io->scheduler->timers, &s->retry) == 0;
    } else {
        s->blocked = 1;
    }
}

/* A positive count, 0 when it would wait, -errno. */
static ssize_t write_some(strand_stream *s, const char *from, size_t size)
{
    ssize_t count = strand_descriptor_write(&s->descriptor, from, size);
    if (count == -EAGAIN) {
        become_blocked(s);
        return 0;
    }
    if (count == 0)
        return -EIO;
    if (count > 0) {
        if (!strand_loop_watched(&s->watch))
            strand_backoff_end(&s->write_backoff);
        strand_counter_add(&s->io->bytes_out, (uint64_t)count);
    }
    return count;
}

void strand_stream_drain(strand_stream *s)
{
    while (strand_stream_unsent_bytes(s) > 0 && !s->blocked) {
        ssize_t count = write_some(s, s->out.bytes + s->out.start, strand_stream_unsent_bytes(s));
        if (count < 0) {
            s->out_error = (int)count;
            strand_stream_discard_output(s);
            return;
        }
        if (count == 0)
            break;
        strand_out_buffer_sent(&s->out, (size_t)count);
        if (!s->out.bytes)
            all_sent(s);
    }
    if (s->blocked)
        strand_link_remove(&s->unsent);
    else if (strand_stream_unsent_bytes(s) == 0)
        strand_stream_discard_output(s);      /* it was lent, and not used */
}

static int enter(struct strand *self, strand_stream *out, int64_t deadline_ns)
{
    if (out->closing)
        return -EBADF;
    if (self->scheduler != out->io->scheduler)
        return -EPERM;
    return strand_turn_enter(self, &out->writer, "its turn to write", deadline_ns);
}

static int leave(struct strand *self, strand_stream *out, int result)
{
    if (result == -EAGAIN)
        return strand_operation_repeats(self, &out->object);
    strand_wait_done(self);
    strand_turn_leave(self, &out->writer);
    strand_operation_end(self);
    return result;
}

static void drain_for(struct strand *self, strand_stream *s, int64_t deadline_ns)
{
    if (s->blocked && strand_wait_is_over(self, deadline_ns))
        s->blocked = 0;
    strand_stream_drain(s);
}

static int wait_for_room(struct strand *self, strand_stream *out, size_t below, int64_t deadline_ns)
{
    out->wake_below = below;
    out->emptyings = 0;
    if (out->blocked)      /* an event or the retry will tell */
        return strand_wait_arm(self, &out->writer.waiting, "room for output", deadline_ns,
                               STRAND_WAIT_OUTSIDE);
    return strand_wait_give_way(self);
}

/* 0: `size` more bytes may be accepted. They are then taken whole, so that a line is never cut by a
 * cancel or a deadline. */
static int make_room(struct strand *self, strand_stream *out, size_t size, int64_t deadline_ns)
{
    size_t unsent = strand_stream_unsent_bytes(out);
    if (unsent == 0 || (unsent < STRAND_UNSENT_BYTES && size <= STRAND_UNSENT_BYTES - unsent))
        return 0;
    if (out->emptyings >= STRAND_IO_SHARE) {
        out->emptyings = 0;
        return strand_wait_give_way(self);
    }
    out->emptyings++;
    drain_for(self, out, deadline_ns);
    if (out->out_error)
        return strand_stream_take_error(out);
    if (strand_stream_unsent_bytes(out) < STRAND_UNSENT_BYTES)
        return 0;
    return wait_for_room(self, out, STRAND_UNSENT_BYTES, deadline_ns);
}

static int append(strand_stream *out, const void *from, size_t size, bool newline)
{
    int status = hold_buffer(out, size + newline);
    if (status < 0)
        return status;
    strand_out_buffer_append(&out->out, from, size);
    if (newline)
        strand_out_buffer_append(&out->out, "\n", 1);
    return 0;
}

/* More than a buffer holds, with nothing before it: straight from the caller's memory, as far as
 * the kernel takes it. The room for the rest is there before the first byte goes. */
static int accept_large(strand_stream *out, const char *from, size_t size, bool newline)
{
    size_t done = 0;
    int status = hold_buffer(out, size + newline);
    if (status < 0)
        return status;
    while (done < size && !out->blocked) {
        ssize_t count = write_some(out, from + done, size - done);
        if (count < 0) {
            strand_stream_discard_output(out);
            return (int)count;
        }
        if (count == 0)
            break;
        done += (size_t)count;
    }
    if (out->blocked)
        strand_link_remove(&out->unsent);
    if (done == size && !newline) {
        strand_stream_discard_output(out);
        return 0;
    }
    return append(out, from + done, size - done, newline);
}

static int accept_bytes(strand_stream *out, const void *from, size_t size, bool newline)
{
    int status;
    if (size >= STRAND_BUFFER_BYTES && strand_stream_unsent_bytes(out) == 0)
        status = accept_large(out, from, size, newline);
    else
        status = append(out, from, size, newline);
    if (status == 0 && newline)
        strand_counter_add(&out->io->lines_out, 1);
    return status;
}

static __attribute__((noinline)) int write_slowly(struct strand *self, strand_stream *out,
                                                  const void *from, size_t size, bool newline,
                                                  int64_t deadline_ns)
{
    if (size >= SIZE_MAX / 2)
        return -EINVAL;
    int status = enter(self, out, deadline_ns);
    if (status == 0)
        status = out->shut ? -EPIPE : strand_stream_take_error(out);
    if (status == 0)
        status = make_room(self, out, size + newline, deadline_ns);
    if (status == 0)
        status = accept_bytes(out, from, size, newline);
    return leave(self, out, status);
}

/* Mostly there is room behind other lines: then nothing is entered, counted as unsent, or left. */
int strand_stream_write_step(struct strand *self, strand_stream *out, const void *from, size_t size,
                             bool newline, int64_t deadline_ns)
{
    size_t room = STRAND_UNSENT_BYTES - 1, unsent = strand_stream_unsent_bytes(out);
    bool at_once = strand_turn_free(&out->writer) && !self->operation && !out->out_error &&
                   !(out->closing | out->shut) && self->scheduler == out->io->scheduler;
    if (!at_once || size >= room || unsent >= room - size)
        return write_slowly(self, out, from, size, newline, deadline_ns);
    if (!strand_out_buffer_put(&out->out, from, size, newline))
        return accept_bytes(out, from, size, newline);
    strand_counter_add(&out->io->lines_out, newline);
    return 0;
}

int strand_stream_empty_step(struct strand *self, strand_stream *s, int64_t deadline_ns)
{
    drain_for(self, s, deadline_ns);
    if (s->out_error)
        return strand_stream_take_error(s);
    return strand_stream_unsent_bytes(s) == 0 ? 0 : wait_for_room(self, s, 1, deadline_ns);
}

int strand_stream_flush_step(struct strand *self, strand_stream *s, int64_t deadline_ns)
{
    int status = enter(self, s, deadline_ns);
    if (status == 0)
        status = strand_stream_empty_step(self, s, deadline_ns);
    return leave(self, s, status);
}

int strand_stream_shutdown_step(struct strand *self, strand_stream *s, int64_t deadline_ns)
{
    int status = enter(self, s, deadline_ns);
    if (status == 0)
        status = strand_stream_empty_step(self, s, deadline_ns);
    if (status == 0 && !s->shut) {
        status = strand_descriptor_shutdown_write(&s->descriptor);
        s->shut = status == 0;
    }
    return leave(self, s, status);
}
