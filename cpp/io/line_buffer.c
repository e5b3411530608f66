/* SPDX-License-Identifier: Apache-2.0 */
#include "line_buffer.h"

#include <stdint.h>
#include <stdlib.h>

/* A part of a line that waits and is shorter than this moves to a block of its own size. */
#define REST_BYTES (STRAND_BUFFER_BYTES / 4)

void strand_line_buffer_init(struct strand_line_buffer *b, struct strand_buffer_pool *pool,
                             size_t limit_bytes)
{
    *b = (struct strand_line_buffer){.pool = pool};
    strand_line_buffer_set_limit(b, limit_bytes);
}

void strand_line_buffer_set_limit(struct strand_line_buffer *b, size_t limit_bytes)
{
    b->limit = limit_bytes ? limit_bytes : STRAND_LINE_LIMIT_BYTES;
    if (b->limit > SIZE_MAX / 4)
        b->limit = SIZE_MAX / 4;
}

static void release(struct strand_line_buffer *b)
{
    strand_buffer_give_back(b->pool, b->bytes, b->capacity);
    b->bytes = NULL;
    b->capacity = b->start = b->scanned = b->end = 0;
}

void strand_line_buffer_close(struct strand_line_buffer *b)
{
    release(b);
}

static void drop_all(struct strand_line_buffer *b)
{
    b->start = b->scanned = b->end;
}

/* Whether the rest of the long line was passed; if not, all that is here belongs to it. */
static bool skip_to_newline(struct strand_line_buffer *b)
{
    const char *newline = strand_line_buffer_find(b);
    if (!newline) {
        drop_all(b);
        return false;
    }
    b->start = b->scanned = (size_t)(newline - b->bytes) + 1;
    b->skipping = false;
    return true;
}

/* No newline is in the buffer: the last line, too long a line, or not enough. */
static int next_unended(struct strand_line_buffer *b, struct strand_line *line)
{
    size_t length = b->end - b->start;
    bool may_end_in_limit = length == b->limit + 1 && b->bytes[b->end - 1] == '\r' && !b->ended;

    if (length > b->limit && !may_end_in_limit) {
        drop_all(b);
        b->skipping = !b->ended;
        return -E2BIG;
    }
    if (!b->ended)
        return -EAGAIN;
    if (length == 0)
        return 0;
    line->text = b->bytes + b->start;
    line->length = length;
    line->ending = STRAND_ENDING_NONE;
    drop_all(b);
    return 1;
}

int strand_line_buffer_next(struct strand_line_buffer *b, struct strand_line *line)
{
    if (b->skipping && !skip_to_newline(b))
        return b->ended ? 0 : -EAGAIN;

    const char *newline = strand_line_buffer_find(b);
    return newline ? strand_line_buffer_cut(b, newline, line) : next_unended(b, line);
}

size_t strand_line_buffer_take(struct strand_line_buffer *b, char *to, size_t size)
{
    size_t count = b->end - b->start;
    if (count > size)
        count = size;
    if (count == 0)
        return 0;
    memcpy(to, b->bytes + b->start, count);
    b->start += count;
    if (b->scanned < b->start)
        b->scanned = b->start;
    b->skipping = false;
    return count;
}

/* Doubles, so that a long line is copied at most once more in all; beyond the limit nothing is
 * kept, so that room for one ending and half a buffer above it is enough for ever. */
static size_t grown(const struct strand_line_buffer *b)
{
    size_t most = b->limit + 2 + STRAND_BUFFER_BYTES;
    size_t doubled = b->capacity * 2;
    if (doubled <= STRAND_BUFFER_BYTES)
        return STRAND_BUFFER_BYTES;
    return doubled < most ? doubled : most;
}

static int move_to(struct strand_line_buffer *b, size_t capacity)
{
    size_t length = b->end - b->start;
    char *bytes = strand_buffer_take(b->pool, capacity);
    if (!bytes)
        return -ENOMEM;
    if (length > 0)
        memcpy(bytes, b->bytes + b->start, length);
    strand_buffer_give_back(b->pool, b->bytes, b->capacity);
    b->bytes = bytes;
    b->capacity = capacity;
    b->scanned -= b->start;
    b->start = 0;
    b->end = length;
    return 0;
}

int strand_line_buffer_room(struct strand_line_buffer *b, char **to, size_t *size)
{
    size_t length = b->end - b->start;
    if (length == 0)
        b->start = b->scanned = b->end = 0;

    if (b->capacity - b->end < STRAND_BUFFER_BYTES / 2) {
        size_t capacity = grown(b);
        if (capacity > b->capacity &&
            (b->capacity < STRAND_BUFFER_BYTES || length > b->capacity / 2)) {
            int status = move_to(b, capacity);
            if (status < 0)
                return status;
        } else {
            memmove(b->bytes, b->bytes + b->start, length);
            b->scanned -= b->start;
            b->start = 0;
            b->end = length;
        }
    }
    *to = b->bytes + b->end;
    *size = b->capacity - b->end;
    return 0;
}

void strand_line_buffer_filled(struct strand_line_buffer *b, size_t count)
{
    b->end += count;
}

void strand_line_buffer_end(struct strand_line_buffer *b)
{
    b->ended = true;
}

void strand_line_buffer_rest(struct strand_line_buffer *b)
{
    size_t length = b->end - b->start;
    if (length == 0)
        release(b);
    else if (length < REST_BYTES && b->capacity >= STRAND_BUFFER_BYTES)
        (void)move_to(b, length);     /* no memory for the small one: the large one stays */
}
