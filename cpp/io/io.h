/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: what io keeps for a scheduler, and the stream's inside. */
#ifndef STRAND_IO_IO_H
#define STRAND_IO_IO_H

#include "backoff.h"
#include "buffer_pool.h"
#include "counter.h"
#include "descriptor.h"
#include "fetch.h"
#include "line_buffer.h"
#include "operation.h"
#include "out_buffer.h"
#include "stream.h"

/* Refills (or emptied buffers) in a row after which a step gives way: descriptors that are always
 * ready must not keep the others, nor a cancel, from their turn. */
#define STRAND_IO_SHARE 16
/* Lines (or raw reads) in a row, most of them out of the buffer, after which it is the others'
 * turn: a client that floods its connection with short lines must not keep the carrier for a
 * megabyte of them. About one buffer of usual lines, so that nothing is flushed more often. */
#define STRAND_LINES_SHARE 1024

/* Accepted output above which a writer waits for room. */
#define STRAND_UNSENT_BYTES STRAND_BUFFER_BYTES

struct strand_io {
    strand_scheduler *scheduler;
    struct strand_buffer_pool buffers;
    struct strand_list streams;          /* all whose descriptor is open */
    struct strand_list zombies;          /* closed, memory still in use */
    struct strand_list listeners;
    struct strand_list unsent;           /* streams to be written out when a strand parks */
    struct strand_list held;             /* streams someone waits for while a strand keeps a line */
    strand_stream *ahead;                /* read for the strand that runs; a flush looks at it */
    struct strand_lookups *lookups;      /* from the first name on */
    bool closing;                        /* shutdown: nobody is woken any more */
    uint64_t lines_in, lines_out, bytes_in, bytes_out, overlong_lines, accept_backoffs;
};

static inline struct strand_io *strand_io_of(const strand_scheduler *s)
{
    return s->attached;
}

/* In the order of use, a cache line each: to wait and wake, to read, the line in, the line out, the
 * turn to write; the rest is not touched by a line that comes and is answered. */
struct strand_stream {
    struct strand_object object;
    struct strand_io *io;
    struct strand_loop_watch watch;
    int64_t deadline_ns;                 /* of the next call; with a host, of the last that asked */
    uint8_t closing;                     /* close has begun: everyone but the closer gets -EBADF */
    uint8_t line_kept;                   /* the reader has a line, and is elsewhere */
    uint8_t readable;                    /* perhaps: nothing has said that a read would wait */
    uint8_t hangup;                      /* the last event said that the end may be near */
    uint8_t short_read_tells;
    uint8_t wants_line;                  /* its reader waits for bytes, in a call for a line */
    uint8_t ahead;                       /* in io's: its buffer may be emptied from outside */
    uint8_t answers;                     /* what was read ahead was answered on it, last time */

    _Alignas(STRAND_CACHE_LINE)
    struct strand_turn reader;
    struct strand_descriptor descriptor;
    uint16_t taken;                      /* lines, since the last wait or turn of others */
    uint8_t refills;                     /* since the last wait */
    uint8_t blocked;                     /* the kernel takes no more; an event, or retry, tells */
    uint8_t shut;                        /* for writing */
    uint8_t emptyings;
    uint8_t standard;                    /* the process's: flushed by close, not closed */
    uint8_t keep_fd;

    _Alignas(STRAND_CACHE_LINE)
    struct strand_line_buffer lines;

    _Alignas(STRAND_CACHE_LINE)
    struct strand_out_buffer out;
    struct strand_link unsent;           /* in io's unsent */
    int out_error;                       /* of accepted output, not yet reported */
    int in_error;                        /* of a read ahead, not yet reported */

    _Alignas(STRAND_CACHE_LINE)
    struct strand_turn writer;
    struct strand_link held;             /* in io's held */
    size_t wake_below;                   /* unsent bytes at which `waiting` goes on */

    struct strand_link link;             /* in io's streams, then zombies */
    strand_id closer;                    /* 0: it has gone, what is unsent still goes out */
    int watch_fd;                        /* ours, where the descriptor is watched already; or -1 */
    /* Where the descriptor cannot be watched: */
    struct strand_timer retry;           /* while blocked */
    struct strand_backoff read_backoff, write_backoff;
};

/* -- stream.c -- */
/* For a descriptor that is initialised. On error it is still the caller's. */
int strand_stream_adopt(strand_scheduler *s, const struct strand_descriptor *d,
                        const struct strand_stream_options *options, strand_stream **out);
/* In the loop, from the first time that a call would wait. -EPERM: it cannot be watched. */
int strand_stream_watch(strand_stream *s);
/* Waits for the descriptor in `turn`. -EPERM and the like: it cannot be watched. */
int strand_stream_wait(struct strand *self, strand_stream *s, struct strand_turn *turn,
                       const char *reason, int64_t deadline_ns);
/* The descriptor goes; the memory when nobody uses it any more. */
void strand_stream_finish(strand_stream *s);

/* -- stream_read.c -- */
/* The strand that keeps a line lets go of it; those who wait for that go on. */
void strand_stream_drop_line(strand_stream *s);
/* A positive count, which it takes note of; 0 at the end; -errno. */
ssize_t strand_stream_receive(strand_stream *in, void *to, size_t size);

/* -- stream_ahead.c -- */
/* strand_object's prepare. */
void strand_stream_read_ahead(struct strand_object *object, struct strand *self);
/* The strand for which a stream was read ahead has left the carrier, or the stream goes. */
void strand_io_end_ahead(struct strand_io *io);

/* -- stream_write.c -- */
/* Writes what can be written without waiting. */
void strand_stream_drain(strand_stream *s);
/* A buffer for output to come, where it may and there is memory; till the next flush. */
void strand_stream_lend(strand_stream *s);
void strand_stream_discard_output(strand_stream *s);
int strand_stream_take_error(strand_stream *s);
/* 0: all is with the kernel. Else as a step. */
int strand_stream_empty_step(struct strand *self, strand_stream *s, int64_t deadline_ns);

/* -- standard.c -- */
void strand_standard_disown(strand_scheduler *s);

/* -- listener.c -- */
void strand_listeners_close(struct strand_io *io);

/* Into io's unsent or held: the next strand that parks or ends has them looked at. */
static inline void strand_io_look_at(struct strand_io *io, struct strand_list *list,
                                     struct strand_link *link)
{
    strand_list_append(list, link);
    io->scheduler->flush_due = 1;
}

static inline size_t strand_stream_unsent_bytes(const strand_stream *s)
{
    return strand_out_buffer_length(&s->out);
}

#endif
