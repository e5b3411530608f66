/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers of one size, last used first, so that the next stream reads into memory that is still in
 * the cache, and a stream that waits with nothing in its buffers holds none. One thread at a time.
 */
#ifndef STRAND_IO_BUFFER_POOL_H
#define STRAND_IO_BUFFER_POOL_H

#include <stddef.h>
#include <stdlib.h>

#include "sanitizer.h"

#define STRAND_BUFFER_BYTES ((size_t)64 * 1024)

/* Under ASan none is kept, so that a line used after its time is found. */
#if defined(STRAND_ASAN)
enum { STRAND_SPARE_BUFFERS = 0 };
#else
enum { STRAND_SPARE_BUFFERS = 16 };
#endif

struct strand_spare_buffer {
    struct strand_spare_buffer *next;
};

struct strand_buffer_pool {
    struct strand_spare_buffer *first;
    unsigned count;
};

/* capacity bytes, from the pool if it is STRAND_BUFFER_BYTES; NULL: no memory. */
static inline char *strand_buffer_take(struct strand_buffer_pool *pool, size_t capacity)
{
    struct strand_spare_buffer *spare = pool->first;
    if (capacity != STRAND_BUFFER_BYTES || !spare)
        return (char *)malloc(capacity);
    pool->first = spare->next;
    pool->count--;
    return (char *)spare;
}

/* NULL does no harm. */
static inline void strand_buffer_give_back(struct strand_buffer_pool *pool, char *bytes,
                                           size_t capacity)
{
    if (!bytes || capacity != STRAND_BUFFER_BYTES || pool->count + 1 > STRAND_SPARE_BUFFERS) {
        free(bytes);
        return;
    }
    struct strand_spare_buffer *spare = (struct strand_spare_buffer *)bytes;
    spare->next = pool->first;
    pool->first = spare;
    pool->count++;
}

void strand_buffer_pool_close(struct strand_buffer_pool *pool);

#endif
