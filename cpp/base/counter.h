/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that one thread moves and any thread may read: relaxed, so plain moves on every CPU. */
#ifndef STRAND_BASE_COUNTER_H
#define STRAND_BASE_COUNTER_H

#include <stdint.h>

static inline void strand_counter_add(uint64_t *counter, uint64_t amount)
{
    __atomic_store_n(counter, *counter + amount, __ATOMIC_RELAXED);
}

static inline void strand_counter_subtract(uint64_t *counter, uint64_t amount)
{
    __atomic_store_n(counter, *counter - amount, __ATOMIC_RELAXED);
}

static inline uint64_t strand_counter_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
