/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted bytes on their way to the kernel. A pure data structure; it holds memory only while it
 * has bytes.
 */
#ifndef STRAND_IO_OUT_BUFFER_H
#define STRAND_IO_OUT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "buffer_pool.h"

struct strand_out_buffer {
    struct strand_buffer_pool *pool;
    char *bytes;
    size_t capacity;
    size_t start, end;
};

void strand_out_buffer_init(struct strand_out_buffer *b, struct strand_buffer_pool *pool);
void strand_out_buffer_close(struct strand_out_buffer *b);

static inline size_t strand_out_buffer_length(const struct strand_out_buffer *b)
{
    return b->end - b->start;
}

/* Room for size bytes at the end. 0; -ENOMEM, and then nothing has changed. */
int strand_out_buffer_grow(struct strand_out_buffer *b, size_t size);
static inline int strand_out_buffer_reserve(struct strand_out_buffer *b, size_t size)
{
    return b->capacity - b->end >= size ? 0 : strand_out_buffer_grow(b, size);
}

/* Into room that was reserved. */
static inline void strand_out_buffer_append(struct strand_out_buffer *b, const void *from,
                                            size_t size)
{
    if (size > 0)
        memcpy(b->bytes + b->end, from, size);
    b->end += size;
}

/* A line into room that is there: false, and nothing has changed, where there is none. */
static inline bool strand_out_buffer_put(struct strand_out_buffer *b, const void *from, size_t size,
                                         bool newline)
{
    if (b->capacity - b->end <= size)
        return false;
    char *to = b->bytes + b->end;
    if (size > 0)
        memcpy(to, from, size);
    to[size] = '\n';      /* behind the end, where none is wanted */
    b->end += size + newline;
    return true;
}

/* The first count bytes are with the kernel (or lost). */
void strand_out_buffer_sent(struct strand_out_buffer *b, size_t count);

#endif
