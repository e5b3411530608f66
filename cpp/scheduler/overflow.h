/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overflow: a strand that runs into its guard is named on standard error before the process dies of
 * it. Nothing depends on this: without it, or where its handler is not reached, the same fault
 * kills the process without a word.
 */
#ifndef STRAND_SCHEDULER_OVERFLOW_H
#define STRAND_SCHEDULER_OVERFLOW_H

#include "scheduler.h"

/*
 * Before the first native strand of a run, on the carrier's thread: a process whose strands are all
 * Java's keeps its signals to itself. Where memory is short the run goes on without a report.
 * Disarmed, by the same thread, at the end of the run.
 */
void strand_overflow_arm(strand_scheduler *s);
void strand_overflow_disarm(strand_scheduler *s);

/* `s` goes; what it asked for goes with the last that asked. */
void strand_overflow_close(strand_scheduler *s);

#endif
