/* SPDX-License-Identifier: Apache-2.0 */
/* Pauses between tries where no event tells when the next may succeed: 5 ms, doubling to 100. */
#ifndef STRAND_IO_BACKOFF_H
#define STRAND_IO_BACKOFF_H

#include "clock.h"
#include "operation.h"

#define STRAND_BACKOFF_FIRST_NS INT64_C(5000000)
#define STRAND_BACKOFF_LAST_NS INT64_C(100000000)

struct strand_backoff {
    int64_t pause_ns;      /* the next one; 0: the first */
    int64_t until_ns;
};

static inline void strand_backoff_begin(struct strand_backoff *b)
{
    if (b->pause_ns == 0)
        b->pause_ns = STRAND_BACKOFF_FIRST_NS;
    b->until_ns = strand_clock_deadline_ns(strand_clock_now_ns(), b->pause_ns);
    b->pause_ns = b->pause_ns * 2 < STRAND_BACKOFF_LAST_NS ? b->pause_ns * 2
                                                           : STRAND_BACKOFF_LAST_NS;
}

static inline void strand_backoff_end(struct strand_backoff *b)
{
    b->pause_ns = b->until_ns = 0;
}

/* 0: the pause is over. Else as a step. */
static inline int strand_backoff_step(struct strand *self, const struct strand_backoff *b,
                                      struct strand_list *queue, const char *reason,
                                      int64_t deadline_ns)
{
    if (b->until_ns == 0 || strand_clock_now_ns() >= b->until_ns)
        return 0;
    return strand_wait_arm(self, queue, reason,
                           deadline_ns < b->until_ns ? deadline_ns : b->until_ns,
                           STRAND_WAIT_OUTSIDE);
}

#endif
