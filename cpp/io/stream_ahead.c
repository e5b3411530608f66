/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host's strand that waits for a line would call down for, done as its turn comes: the read,
 * so that the line lies in the buffer when the host looks (stream_window.h), and a buffer for the
 * answer, if it gave one there the last time.
 *
 * An ahead stream may be left with a buffer that is empty. The next flush takes it back, so that no
 * more than one is held by strands that wait elsewhere.
 */
#include "io.h"

static bool may_read(const struct strand *self, const strand_stream *in)
{
    return in->reader.holder == self->id && in->wants_line && in->readable &&
           !(in->closing | in->line_kept) && !in->in_error &&
           strand_list_empty(&in->reader.queue);
}

/* Whether there is something to be found in the buffer. */
static bool fill(strand_stream *in)
{
    char *to;
    size_t size;
    if (strand_line_buffer_room(&in->lines, &to, &size) < 0)
        return false;
    ssize_t count = strand_stream_receive(in, to, size);
    if (count > 0)
        strand_line_buffer_filled(&in->lines, (size_t)count);
    else if (count == 0)
        strand_line_buffer_end(&in->lines);
    else if (count != -EAGAIN)
        in->in_error = (int)count;
    return count > 0;
}

/*
 * The call begins anew then, if the host finds no whole line. The strand stays in the middle of its
 * operation, which its next step or its end is the end of: its host may find that it cannot run it
 * just now (a thread dump has it), and meanwhile another strand may close the stream, on which it
 * will look nevertheless.
 */
static void end_call(strand_stream *in)
{
    in->wants_line = 0;
    in->reader.holder = 0;
}

void strand_stream_read_ahead(struct strand_object *object, struct strand *self)
{
    strand_stream *in = CONTAINER_OF(object, strand_stream, object);
    if (!may_read(self, in))
        return;
    strand_io_end_ahead(in->io);
    bool found = fill(in);
    in->ahead = 1;
    in->io->ahead = in;
    in->io->scheduler->flush_due = 1;
    if (!found)
        return;
    end_call(in);
    if (in->answers)
        strand_stream_lend(in);
}

void strand_io_end_ahead(struct strand_io *io)
{
    strand_stream *s = io->ahead;
    if (!s)
        return;
    io->ahead = NULL;
    s->ahead = 0;
    s->answers = strand_stream_unsent_bytes(s) > 0;
    if (strand_line_buffer_length(&s->lines) == 0 && !s->line_kept)
        strand_line_buffer_rest(&s->lines);
}
