/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosted strands: the core keeps their identity, order, waits and ends; the body runs in a host
 * (the JVM). The host asks for the next strand, runs it, and says with the next question what
 * became of it: one crossing a switch.
 *
 *   spawn   hosted_create -> NEW; the host's own start leads to hosted_ready (first: spawned)
 *   ready   the host can run it (a virtual thread's execute): queued; or the core woke it out of a
 *           step: queued with `unpark`, since the host must first unpark its thread
 *   next    previous was parked, yielded, finished; who is next?
 */
#ifndef STRAND_SCHEDULER_HOSTED_H
#define STRAND_SCHEDULER_HOSTED_H

#include "scheduler.h"

enum strand_disposition {
    STRAND_DISPOSED_PARKED = 0,     /* it waits, in a step or in the host; or it did not run */
    STRAND_DISPOSED_YIELDED = 1,    /* to the tail of the ready queue */
    STRAND_DISPOSED_FINISHED = 2,   /* its memory is gone with this call */
};

/* Any thread (held: the caller's scheduler if it is a holder, else NULL). The strand counts as live
 * from now on. 0; -EAGAIN at max_strands, -ENOMEM, -ECANCELED while stopping. name may be NULL. */
int strand_hosted_create(strand_scheduler *held, strand_scheduler *s, const char *name,
                         struct strand **out);

/* Any thread (held as above): the host can run it. No harm when it is queued already or has ended
 * (-ESRCH). STRAND_HOSTED_RUNS, to the holder: this is its turn, and nothing has been done; the host
 * says YIELDED afterwards. Another thread's is looked at when no strand has a turn. */
enum { STRAND_HOSTED_RUNS = 1 };
int strand_hosted_ready(strand_scheduler *held, strand_id id);

/* For a strand that was created and whose host could not start it. Any thread. */
void strand_hosted_abandon(strand_id id);

/*
 * The holder's one call a switch: disposes of `previous` (NULL: none), runs native strands, polls,
 * waits; then 0 with the next hosted strand in *next (RUNNING; *unpark: its thread must be unparked
 * first), or with NULL when it is over, or -EDEADLK.
 */
int strand_hosted_next(strand_scheduler *s, struct strand *previous,
                       enum strand_disposition disposition, struct strand **next, bool *unpark);

/*
 * The same for a holder that is not the carrier (baton): never runs native strands nor waits. 1
 * with *next NULL: the carrier must go on (hand it the baton; it calls strand_hosted_next with
 * NULL).
 */
int strand_hosted_pass(strand_scheduler *s, struct strand *previous,
                       enum strand_disposition disposition, struct strand **next);

/* A strand that is armed in a step but cannot leave the carrier (pinned): polls in place until the
 * wait is over, counted in pinned_waits. -EPERM when only another strand could end it: disarmed. */
int strand_hosted_wait_in_place(struct strand *self);

void strand_hosted_end_unbegun(struct strand *strand);    /* the inbox's: what was abandoned */

#endif
