/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When idle stacks are swept: at a look outside, at most every 0.4 s, a little at a time.
 *
 *   a switch  ->  sweep  --- 0.4 s --->  sweep  ->  nothing until the next switch
 *
 * The second one sees every strand that parked before the first as idle, and every slot that stayed
 * in a pool. Then no wait is cut short any more: an idle process sleeps for ever.
 */
#ifndef STRAND_SCHEDULER_TRIM_H
#define STRAND_SCHEDULER_TRIM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct strand_scheduler strand_scheduler;

struct strand_trim {
    uint64_t switches_seen;     /* when sweeps were last asked for */
    unsigned sweeps_left;
    bool sweeping, guests;      /* under way, and in which pool */
    int64_t due_ns;             /* the next sweep's begin, or the next piece of this one */
    int64_t begun_ns, spent_ns; /* this sweep's */
    int64_t looked_ns;          /* what idled already then has been looked at; see trim.c */
};

/* The holder, in a look outside, with now_ns fresh; `ready`: strands wait for the carrier. */
void strand_trim_tick(strand_scheduler *s, bool ready);
/* Until when a wait may last for the sake of sweeps; STRAND_FOREVER. */
int64_t strand_trim_due_ns(strand_scheduler *s);
/* One whole sweep as of now_ns, which may be made up: for tests. */
void strand_trim_sweep(strand_scheduler *s, int64_t now_ns);

#endif
