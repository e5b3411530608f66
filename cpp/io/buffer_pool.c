/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer_pool.h"

void strand_buffer_pool_close(struct strand_buffer_pool *pool)
{
    while (pool->first) {
        struct strand_spare_buffer *next = pool->first->next;
        free(pool->first);
        pool->first = next;
    }
    pool->count = 0;
}
