/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers of one size, last used first, so that the next stream reads into memory that is still in
 * the cache, and a stream that waits with nothing in its buffers holds none. One thread at a time.
 */
#ifndef STRAND_IO_BUFFER_POOL_H
#define STRAND_IO_BUFFER_POOL_H

#include <stddef.h>

#define STRAND_BUFFER_BYTES ((size_t)64 * 1024)

struct strand_buffer_pool {
    struct strand_spare_buffer *first;
    unsigned count;
};

/* capacity bytes, from the pool if it is STRAND_BUFFER_BYTES; NULL: no memory. */
char *strand_buffer_take(struct strand_buffer_pool *pool, size_t capacity);
/* NULL does no harm. */
void strand_buffer_give_back(struct strand_buffer_pool *pool, char *bytes, size_t capacity);
void strand_buffer_pool_close(struct strand_buffer_pool *pool);

#endif
