/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in, lines out. A pure data structure: no descriptor, no strand.
 *
 *   bytes                                                        bytes + capacity
 *   | taken ... | not taken, scanned | not scanned ... | room ... |
 *               start                scanned           end
 *
 * No byte is scanned twice, none is copied but to close up the part of a line at the buffer's end,
 * and then at most one for each byte that comes in. A buffer is held only while it has bytes.
 */
#ifndef STRAND_IO_LINE_BUFFER_H
#define STRAND_IO_LINE_BUFFER_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <strand/strand.h>

#include "buffer_pool.h"

#define STRAND_LINE_LIMIT_BYTES ((size_t)1024 * 1024)

struct strand_line_buffer {
    struct strand_buffer_pool *pool;
    char *bytes;
    size_t capacity;
    size_t start, scanned, end;
    size_t limit;        /* of a line's bytes without its ending */
    bool skipping;       /* in what is left of a line over the limit */
    bool ended;          /* no more bytes will come */
};

/* limit_bytes 0: STRAND_LINE_LIMIT_BYTES. */
void strand_line_buffer_init(struct strand_line_buffer *b, struct strand_buffer_pool *pool,
                             size_t limit_bytes);
/* The same, of a buffer in use: holds from the next look for a line on. */
void strand_line_buffer_set_limit(struct strand_line_buffer *b, size_t limit_bytes);
void strand_line_buffer_close(struct strand_line_buffer *b);

/*
 * 1 with a line, whose text is valid until the next call of _room or _rest; 0 at the end; -EAGAIN:
 * more bytes are needed; -E2BIG: a line over the limit, once; what is left of it will be skipped.
 */
int strand_line_buffer_next(struct strand_line_buffer *b, struct strand_line *line);

/* Where the next line ends; or NULL, and then all that is here was scanned. */
static inline const char *strand_line_buffer_find(struct strand_line_buffer *b)
{
    size_t from = b->scanned;
    b->scanned = b->end;
    if (from == b->end)
        return NULL;
    return (const char *)memchr(b->bytes + from, '\n', b->end - from);
}

/* Takes the line up to that newline, which find gave: 1, or -E2BIG. */
static inline int strand_line_buffer_cut(struct strand_line_buffer *b, const char *newline,
                                         struct strand_line *line)
{
    const char *text = b->bytes + b->start;
    size_t length = (size_t)(newline - text);
    b->start = b->scanned = b->start + length + 1;

    line->ending = STRAND_ENDING_LF;
    if (length > 0 && newline[-1] == '\r') {
        length--;
        line->ending = STRAND_ENDING_CRLF;
    }
    line->text = text;
    line->length = length;
    return length > b->limit ? -E2BIG : 1;
}

/* Moves up to size bytes out of it, lines or not. */
size_t strand_line_buffer_take(struct strand_line_buffer *b, char *to, size_t size);

/* Room for bytes to come, at least half of STRAND_BUFFER_BYTES; to be asked for once _next has said
 * -EAGAIN, or nothing is left (else lines that nobody takes may fill it). 0, -ENOMEM. */
int strand_line_buffer_room(struct strand_line_buffer *b, char **to, size_t *size);
/* So many of them came. */
void strand_line_buffer_filled(struct strand_line_buffer *b, size_t count);
void strand_line_buffer_end(struct strand_line_buffer *b);

static inline size_t strand_line_buffer_length(const struct strand_line_buffer *b)
{
    return b->end - b->start;
}

/* Nothing will come for a while: keeps only as much memory as the bytes need. */
void strand_line_buffer_rest(struct strand_line_buffer *b);

#endif
