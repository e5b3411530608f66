/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overflow: a strand that runs into its guard is named on standard error before the process dies of
 * it. Nothing depends on this: without it, or where its handler is not reached, the same fault
 * kills the process without a word.
 */
#ifndef STRAND_SCHEDULER_OVERFLOW_H
#define STRAND_SCHEDULER_OVERFLOW_H

#include "scheduler.h"

/* The calling thread becomes the carrier of `s`, and no longer is. Where memory is short it runs
 * without a report. */
void strand_overflow_enter(strand_scheduler *s);
void strand_overflow_leave(strand_scheduler *s);

/* `s` goes; what it asked for goes with the last that asked. */
void strand_overflow_close(strand_scheduler *s);

#endif
