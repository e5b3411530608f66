/* SPDX-License-Identifier: Apache-2.0 */
#include "out_buffer.h"

#include <errno.h>

void strand_out_buffer_init(struct strand_out_buffer *b, struct strand_buffer_pool *pool)
{
    *b = (struct strand_out_buffer){.pool = pool};
}

void strand_out_buffer_close(struct strand_out_buffer *b)
{
    strand_buffer_give_back(b->pool, b->bytes, b->capacity);
    b->bytes = NULL;
    b->capacity = b->start = b->end = 0;
}

int strand_out_buffer_grow(struct strand_out_buffer *b, size_t size)
{
    size_t length = b->end - b->start;
    size_t needed;

    if (__builtin_add_overflow(length, size, &needed))
        return -ENOMEM;
    if (needed <= b->capacity / 2) {
        memmove(b->bytes, b->bytes + b->start, length);
    } else {
        /* No more than needed: once so much waits, nothing is added until it has gone. */
        size_t capacity = needed < STRAND_BUFFER_BYTES ? STRAND_BUFFER_BYTES : needed;
        char *bytes = strand_buffer_take(b->pool, capacity);
        if (!bytes)
            return -ENOMEM;
        if (length > 0)
            memcpy(bytes, b->bytes + b->start, length);
        strand_buffer_give_back(b->pool, b->bytes, b->capacity);
        b->bytes = bytes;
        b->capacity = capacity;
    }
    b->start = 0;
    b->end = length;
    return 0;
}

void strand_out_buffer_sent(struct strand_out_buffer *b, size_t count)
{
    b->start += count;
    if (b->start == b->end)
        strand_out_buffer_close(b);
}
