/* SPDX-License-Identifier: Apache-2.0 */
#include "io.h"

#include <stdlib.h>

#include "lookup.h"

static strand_stream *stream_of_unsent(struct strand_link *link)
{
    return CONTAINER_OF(link, strand_stream, unsent);
}

static void write_unsent(struct strand_io *io)
{
    struct strand_link *next;
    for (struct strand_link *link = io->unsent.head.next; link != &io->unsent.head; link = next) {
        strand_stream *stream = stream_of_unsent(link);
        next = link->next;
        strand_stream_drain(stream);
        if (stream->closing && stream->closer == 0 && strand_stream_unsent_bytes(stream) == 0)
            strand_stream_finish(stream);
    }
}

static bool keeper_ended(const strand_stream *s)
{
    struct strand_slot *slot = strand_table_find(s->reader.holder);
    return !slot || !strand_slot_is(slot, s->reader.holder);
}

/* Strands that ended with a line of theirs must not keep the other readers waiting. */
static void drop_lines_of_the_ended(struct strand_io *io)
{
    struct strand_link *next;
    for (struct strand_link *link = io->held.head.next; link != &io->held.head; link = next) {
        strand_stream *stream = CONTAINER_OF(link, strand_stream, held);
        next = link->next;
        if (keeper_ended(stream))
            strand_stream_drop_line(stream);
    }
}

static void flush(strand_scheduler *s)
{
    struct strand_io *io = strand_io_of(s);
    strand_io_end_ahead(io);
    if (!strand_list_empty(&io->unsent))
        write_unsent(io);
    if (!strand_list_empty(&io->held))
        drop_lines_of_the_ended(io);
    s->flush_due = !strand_list_empty(&io->unsent) || !strand_list_empty(&io->held);
}

static void prepare(struct strand *strand)
{
    struct strand_object *object = strand->operation;
    if (object->prepare)
        object->prepare(object, strand);
}

static void forget_user(strand_stream *stream)
{
    stream->object.users = 0;
    stream->line_kept = 0;
}

static void close_streams(struct strand_io *io)
{
    struct strand_link *link;
    while ((link = strand_list_first(&io->streams))) {
        strand_stream *stream = CONTAINER_OF(link, strand_stream, link);
        forget_user(stream);
        strand_stream_finish(stream);
    }
    while ((link = strand_list_first(&io->zombies))) {
        strand_stream *stream = CONTAINER_OF(link, strand_stream, link);
        forget_user(stream);
        strand_object_release_unused(&stream->object);
    }
}

static void close_io(strand_scheduler *s)
{
    struct strand_io *io = strand_io_of(s);
    io->closing = true;
    write_unsent(io);      /* run has waited for slow peers; this is all that is left to do */
    close_streams(io);
    strand_listeners_close(io);
    strand_standard_disown(s);
    strand_buffer_pool_close(&io->buffers);
    if (io->lookups)
        strand_lookups_close(io->lookups);
    s->attached = NULL;
    free(io);
}

int strand_io_attach(strand_scheduler *s)
{
    struct strand_io *io = calloc(1, sizeof *io);
    if (!io)
        return -ENOMEM;
    io->scheduler = s;
    strand_list_init(&io->streams);
    strand_list_init(&io->zombies);
    strand_list_init(&io->listeners);
    strand_list_init(&io->unsent);
    strand_list_init(&io->held);
    s->attached = io;
    s->hooks.flush = flush;
    s->hooks.prepare = prepare;
    s->hooks.leave = strand_operation_leave;
    s->hooks.close = close_io;
    s->hooks.abandon = strand_standard_disown;
    return 0;
}

void strand_io_count(strand_scheduler *s, struct strand_scheduler_stats *out)
{
    const struct strand_io *io = strand_io_of(s);
    out->lines_in = strand_counter_read(&io->lines_in);
    out->lines_out = strand_counter_read(&io->lines_out);
    out->bytes_in = strand_counter_read(&io->bytes_in);
    out->bytes_out = strand_counter_read(&io->bytes_out);
    out->overlong_lines = strand_counter_read(&io->overlong_lines);
    out->accept_backoffs = strand_counter_read(&io->accept_backoffs);
}
