/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies in buckets of fixed bounds: 32 to each doubling, so that a quantile is 3 % off at most
 * and a record is one increment, however many there are. */
#ifndef STRAND_BENCH_HISTOGRAM_H
#define STRAND_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEP_BITS = 5, HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS };

struct histogram {
    uint64_t total;
    uint64_t buckets[(64 - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS];
};

/* Below 32 a bucket for each value; above, the highest bit's place and the 5 bits behind it. */
static inline unsigned histogram_bucket(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return (unsigned)value;
    unsigned shift = 63 - HISTOGRAM_STEP_BITS - (unsigned)__builtin_clzll(value);
    return (shift << HISTOGRAM_STEP_BITS) + (unsigned)(value >> shift);
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
    h->buckets[histogram_bucket(value)]++;
    h->total++;
}

/* The middle of the bucket; the inverse of histogram_bucket. */
static inline double histogram_value(unsigned bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    unsigned shift = (bucket >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t step = (bucket & (HISTOGRAM_STEPS - 1)) + HISTOGRAM_STEPS;
    return ((double)step + 0.5) * (double)((uint64_t)1 << shift);
}

/* 0 where nothing was added. */
static inline double histogram_quantile(const struct histogram *h, double quantile)
{
    double wanted = quantile * (double)h->total;
    uint64_t seen = 0;
    for (unsigned i = 0; i < sizeof h->buckets / sizeof *h->buckets; i++) {
        seen += h->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return histogram_value(i);
    }
    return 0;
}

#endif
