/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host of hosted strands may do by itself where a call into C would cost more than the work:
 * on the carrier, on the scheduler's and the control blocks' own fields, so that there is nothing to
 * be kept equal. Each is what the call beside it does, at once and in the same order; where a
 * condition does not hold the host makes the call.
 *
 *   take    hosted_create   no stop is requested, the scheduler has no limit of strands: the first of
 *                           spare_hosted comes off its chain; its operation is NULL then
 *   ready   hosted_ready    the ring has a free place, nothing is behind it, and the strand is NEW and
 *                           no stop is requested: spawned + 1; or it is PARKED and waits is 0: parked
 *                           - 1, wakes + 1. It is READY then, and in the ring's next place
 *   next    hosted_next     previous has yielded, and the ring has a place: READY in the next one;
 *                           or it was parked, waits and unpark are 0 and no flush is due: PARKED,
 *                           parked + 1; or it has finished, is plain (its eight flags say RUNNING and
 *                           HOSTED and nothing else, operation is NULL, the block is no guest's), its
 *                           table entry is LIVE and nothing else, and no flush is due: by
 *                           compare-and-set the entry is LIVE in its next generation, the block has
 *                           that id and is NEW, and the first of spare_hosted; finished + 1.
 *                           Then the ring's first, unless it is time to look outside: it is HOSTED:
 *                           RUNNING, and its unpark is taken. Nothing is prepared for it then (the
 *                           hook of that name): its step does it
 */
#ifndef STRAND_SCHEDULER_HOSTED_WINDOW_H
#define STRAND_SCHEDULER_HOSTED_WINDOW_H

#include <stdint.h>

/* Offsets (those in a block's table entry too are from where the block begins), and then values, in
 * the order of CoreMemory.java. */
enum { STRAND_HOSTED_LAYOUT_COUNT = 31 };
void strand_hosted_layout(int32_t layout[STRAND_HOSTED_LAYOUT_COUNT]);

#endif
