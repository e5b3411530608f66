/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer_pool.h"

#include <stdbool.h>
#include <stdlib.h>

#include "sanitizer.h"

struct strand_spare_buffer {
    struct strand_spare_buffer *next;
};

enum { MAX_SPARE = 16 };

/* Under ASan none is kept, so that a line used after its time is found. */
#if defined(STRAND_ASAN)
static const bool keep_spares = false;
#else
static const bool keep_spares = true;
#endif

char *strand_buffer_take(struct strand_buffer_pool *pool, size_t capacity)
{
    struct strand_spare_buffer *spare = pool->first;
    if (capacity != STRAND_BUFFER_BYTES || !spare)
        return malloc(capacity);
    pool->first = spare->next;
    pool->count--;
    return (char *)spare;
}

void strand_buffer_give_back(struct strand_buffer_pool *pool, char *bytes, size_t capacity)
{
    if (!bytes || !keep_spares || capacity != STRAND_BUFFER_BYTES || pool->count >= MAX_SPARE) {
        free(bytes);
        return;
    }
    struct strand_spare_buffer *spare = (struct strand_spare_buffer *)bytes;
    spare->next = pool->first;
    pool->first = spare;
    pool->count++;
}

void strand_buffer_pool_close(struct strand_buffer_pool *pool)
{
    while (pool->first) {
        struct strand_spare_buffer *next = pool->first->next;
        free(pool->first);
        pool->first = next;
    }
    pool->count = 0;
}
