/* SPDX-License-Identifier: Apache-2.0 */
#include "io.h"

/* Everyone who reads, writes or waits to is woken and will find the stream closing. Another
 * strand's line stays where it is until that lets go of it. */
static void turn_away(struct strand *self, strand_stream *s)
{
    strand_id keeper = s->line_kept ? s->reader.holder : 0;
    if (keeper == self->id) {
        s->line_kept = 0;
        keeper = 0;
    }
    strand_turn_break(&s->reader);
    s->reader.holder = keeper;
    strand_turn_break(&s->writer);
}

/*
 * Those whose close is cancelled, or who have no memory to wait, have no stream to come back to, but
 * its output was accepted: it goes on, and the stream ends with it.
 */
static int leave_output_behind(struct strand *self, strand_stream *s, int status)
{
    s->closer = 0;
    strand_wait_done(self);
    strand_operation_end(self);
    return status;
}

static int close_for_good(struct strand *self, strand_stream *s, int64_t deadline_ns)
{
    if (!s->closing) {
        s->closing = 1;
        s->closer = self->id;
        turn_away(self, s);
    } else if (s->closer != self->id) {
        strand_wait_done(self);
        strand_operation_end(self);
        return -EBADF;
    }
    int status = strand_stream_empty_step(self, s, deadline_ns);
    if (status == -EAGAIN)
        return strand_operation_repeats(self, &s->object);
    if ((status == -ECANCELED || status == -ENOMEM) && strand_stream_unsent_bytes(s) > 0)
        return leave_output_behind(self, s, status);
    strand_wait_done(self);
    strand_stream_finish(s);
    if (self->operation == &s->object)
        strand_operation_end(self);
    return status;
}

int strand_stream_close_step(struct strand *self, strand_stream *s, int64_t deadline_ns)
{
    if (self->scheduler != s->io->scheduler)
        return -EPERM;
    if (!s->standard)
        return close_for_good(self, s, deadline_ns);
    strand_stream_release_line(self, s);
    return strand_stream_flush_step(self, s, deadline_ns);
}

/* What a stream has accepted, and nobody is there to wait for: it goes on by itself. */
static int close_without_strand(strand_stream *s)
{
    CHECK(!s->line_kept);      /* hosts, which close like this, keep none */
    s->closing = 1;
    s->closer = 0;
    strand_turn_break(&s->reader);
    strand_turn_break(&s->writer);
    strand_stream_drain(s);
    int status = strand_stream_take_error(s);
    if (strand_stream_unsent_bytes(s) == 0)
        strand_stream_finish(s);
    return status;
}

int strand_stream_close_idle(strand_stream *s)
{
    if (!s->standard)
        return s->closing ? 0 : close_without_strand(s);
    strand_stream_drain(s);
    return strand_stream_take_error(s);
}
