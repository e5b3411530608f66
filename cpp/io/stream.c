/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "socket.h"

static void release(struct strand_object *object)
{
    strand_stream *s = CONTAINER_OF(object, strand_stream, object);
    if (s->line_kept)
        return;
    strand_link_remove(&s->held);
    strand_link_remove(&s->link);
    strand_line_buffer_close(&s->lines);
    free(s);
}

static void wake_readers(strand_stream *s)
{
    if (!s->io->closing)
        strand_wait_wake_all(&s->reader.waiting);
}

static void go_on_writing(strand_stream *s)
{
    s->blocked = 0;
    strand_stream_drain(s);
    size_t unsent = strand_stream_unsent_bytes(s);
    if (!s->io->closing && (unsent < s->wake_below || s->out_error))
        strand_wait_wake_all(&s->writer.waiting);
    if (s->closing && s->closer == 0 && unsent == 0)
        strand_stream_finish(s);
}

static void retry_writing(struct strand_timer *timer)
{
    go_on_writing(CONTAINER_OF(timer, strand_stream, retry));
}

/* The descriptor is edge triggered, so each event is remembered until a call has met -EAGAIN. */
static void ready(struct strand_loop_watch *watch, unsigned events)
{
    strand_stream *s = CONTAINER_OF(watch, strand_stream, watch);
    const unsigned ends = STRAND_LOOP_HANGUP | STRAND_LOOP_ERROR;

    /* Urgent data stop a read short of what lies behind them, as the end does. */
    s->hangup = (events & (ends | STRAND_LOOP_PRIORITY)) != 0;
    if (events & (STRAND_LOOP_READABLE | STRAND_LOOP_PRIORITY | ends)) {
        s->readable = 1;
        wake_readers(s);
    }
    if (events & (STRAND_LOOP_WRITABLE | ends))
        go_on_writing(s);
}

static void fetch(const struct strand_loop_watch *watch)
{
    strand_wait_fetch_first(&CONTAINER_OF(watch, strand_stream, watch)->reader.waiting);
}

static const struct strand_loop_calls loop_calls = {ready, fetch};

int strand_stream_adopt(strand_scheduler *s, const struct strand_descriptor *d,
                        const struct strand_stream_options *options, strand_stream **out)
{
    struct strand_io *io = strand_io_of(s);
    strand_stream *stream = aligned_alloc(STRAND_CACHE_LINE, sizeof *stream);
    if (!stream)
        return -ENOMEM;
    memset(stream, 0, sizeof *stream);
    stream->object.release = release;
    stream->object.prepare = strand_stream_read_ahead;
    stream->io = io;
    stream->descriptor = *d;
    stream->watch_fd = -1;
    stream->deadline_ns = STRAND_FOREVER;
    stream->keep_fd = options && options->keep_fd;
    stream->readable = 1;
    stream->retry.place = SIZE_MAX;
    stream->retry.fire = retry_writing;
    strand_loop_watch_init(&stream->watch, d->fd, &loop_calls);
    strand_turn_init(&stream->reader);
    strand_turn_init(&stream->writer);
    strand_line_buffer_init(&stream->lines, &io->buffers, options ? options->max_line_bytes : 0);
    strand_out_buffer_init(&stream->out, &io->buffers);
    strand_link_init(&stream->unsent);
    strand_link_init(&stream->held);
    strand_list_append(&io->streams, &stream->link);
    *out = stream;
    return 0;
}

int strand_stream_create(strand_scheduler *s, int fd, const struct strand_stream_options *options,
                         strand_stream **out)
{
    struct strand_descriptor d;
    if (options && options->size < sizeof *options)
        return -EINVAL;
    int status = strand_descriptor_init(&d, fd);
    if (status < 0)
        return status;
    status = strand_stream_adopt(s, &d, options, out);
    if (status < 0) {
        strand_descriptor_close(&d, true);
        return status;
    }
    (*out)->short_read_tells = strand_loop_tells_urgent && strand_socket_short_read_tells(&d);
    return 0;
}

int strand_stream_create_on_copy(strand_scheduler *s, int fd, strand_stream **out)
{
    int copy = strand_socket_duplicate(fd);
    if (copy < 0)
        return copy;
    int status = strand_stream_create(s, copy, NULL, out);
    if (status < 0) {
        struct strand_descriptor d = {.fd = copy, .given_fd = copy};
        strand_descriptor_close(&d, false);
    }
    return status;
}

static int add_to_loop(strand_stream *s)
{
    int status = strand_loop_add(s->io->scheduler->loop, &s->watch);
    if (status != -EEXIST)
        return status;

    /* Another stream has the same descriptor: the loop takes a second name for it. */
    s->watch_fd = strand_socket_duplicate(s->descriptor.fd);
    if (s->watch_fd < 0)
        return s->watch_fd;
    strand_loop_watch_init(&s->watch, s->watch_fd, &loop_calls);
    return strand_loop_add(s->io->scheduler->loop, &s->watch);
}

int strand_stream_watch(strand_stream *s)
{
    if (strand_loop_watched(&s->watch))
        return 0;
    int status = add_to_loop(s);
    if (status == 0) {
        strand_backoff_end(&s->read_backoff);
        strand_backoff_end(&s->write_backoff);
    }
    return status;
}

int strand_stream_wait(struct strand *self, strand_stream *s, struct strand_turn *turn,
                       const char *reason, int64_t deadline_ns)
{
    int status = strand_stream_watch(s);
    if (status < 0)
        return status;
    return strand_wait_arm(self, &turn->waiting, reason, deadline_ns, STRAND_WAIT_OUTSIDE);
}

void strand_stream_finish(strand_stream *s)
{
    struct strand_io *io = s->io;

    if (s->ahead)
        strand_io_end_ahead(io);
    strand_stream_discard_output(s);
    strand_timers_remove(&io->scheduler->timers, &s->retry);
    strand_loop_remove(io->scheduler->loop, &s->watch);
    if (s->watch_fd >= 0)
        strand_socket_close(s->watch_fd);
    strand_descriptor_close(&s->descriptor, s->keep_fd || s->standard);
    s->object.closed = true;
    strand_link_remove(&s->link);
    strand_list_append(&io->zombies, &s->link);
    if (s->line_kept && !strand_link_listed(&s->held))
        strand_io_look_at(io, &io->held, &s->held);
    strand_object_release_unused(&s->object);
}

void strand_stream_set_max_line(strand_stream *s, size_t max_line_bytes)
{
    strand_line_buffer_set_limit(&s->lines, max_line_bytes);
}

void strand_stream_set_deadline(strand_stream *s, int64_t deadline_ns)
{
    s->deadline_ns = deadline_ns;
}

int64_t strand_stream_deadline(const strand_stream *s)
{
    return s->deadline_ns;
}

void strand_stream_give_up(struct strand *self, strand_stream *s)
{
    strand_wait_done(self);
    if (s->closing) {
        if (s->closer == self->id) {
            s->closer = 0;
            if (strand_stream_unsent_bytes(s) == 0)
                strand_stream_finish(s);
        }
    } else {
        if (!s->line_kept)
            strand_turn_leave(self, &s->reader);
        strand_turn_leave(self, &s->writer);
    }
    strand_operation_end(self);
}
