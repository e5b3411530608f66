/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock, and arithmetic on deadlines that saturates instead of overflowing. */
#ifndef STRAND_PLATFORM_CLOCK_H
#define STRAND_PLATFORM_CLOCK_H

#include <stdint.h>

/* Nanoseconds on CLOCK_MONOTONIC (clock_gettime(2)). */
int64_t strand_clock_now_ns(void);

/* now + duration, at least `now` for a negative duration, at most INT64_MAX (which is for ever). */
static inline int64_t strand_clock_deadline_ns(int64_t now_ns, int64_t duration_ns)
{
    int64_t deadline_ns;
    if (duration_ns <= 0)
        return now_ns;
    return __builtin_add_overflow(now_ns, duration_ns, &deadline_ns) ? INT64_MAX : deadline_ns;
}

#endif
