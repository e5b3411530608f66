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

#include <stdbool.h>
#include <stddef.h>

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
void strand_line_buffer_close(struct strand_line_buffer *b);

/*
 * 1 with a line, whose text is valid until the next call of _room or _rest; 0 at the end; -EAGAIN:
 * more bytes are needed; -E2BIG: a line over the limit, once; what is left of it will be skipped.
 */
int strand_line_buffer_next(struct strand_line_buffer *b, struct strand_line *line);

/* Moves up to size bytes out of it, lines or not. */
size_t strand_line_buffer_take(struct strand_line_buffer *b, char *to, size_t size);

/* Room for bytes to come, at least half of STRAND_BUFFER_BYTES. 0, -ENOMEM. */
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
