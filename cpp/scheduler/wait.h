/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting. Every parking operation (read a line, accept, join, sleep, ...) is written as a step
 * that never parks: it is done, fails, or gives -EAGAIN with the strand armed. Its caller parks the
 * strand in its own way (a native strand switches away, a Java strand calls LockSupport.park) and,
 * however it was resumed, calls the same step again. So a step is a question asked anew each time,
 * no wake carries a result, and a spurious resume does no harm.
 *
 *     int step(struct strand *self, ...)
 *     {
 *         if (it can be done)
 *             return strand_wait_done(self), the result;
 *         return strand_wait_arm(self, &queue or NULL, "reason", deadline_ns, kind);
 *     }
 *
 * Whoever makes the thing possible calls strand_wait_wake (the strand leaves queue and timer and
 * goes to the tail of the ready queue). All of this is the holder's alone.
 */
#ifndef STRAND_SCHEDULER_WAIT_H
#define STRAND_SCHEDULER_WAIT_H

#include "control.h"
#include "fetch.h"

enum strand_wait_kind {
    STRAND_WAIT_OUTSIDE,   /* a descriptor, a timer, another thread can end it */
    STRAND_WAIT_INSIDE,    /* only another strand can, without deadline: a join, a queue */
    STRAND_WAIT_BARE,      /* strand_park */
};

/*
 * Arms self: -EAGAIN. Or, and then nothing is armed any more: -ECANCELED (a cancel was waiting; it
 * is consumed; not inside a defer), -ETIMEDOUT (deadline_ns has come), -ENOMEM. A strand that is
 * armed in the same queue already keeps its place. queue may be NULL.
 */
int strand_wait_arm(struct strand *self, struct strand_list *queue, const char *reason,
                    int64_t deadline_ns, enum strand_wait_kind kind);

/* Leaves queue and timer; no harm when not armed. */
void strand_wait_disarm(struct strand *strand);
static inline void strand_wait_done(struct strand *self)
{
    self->unpark = 0;
    if (self->waits)
        strand_wait_disarm(self);
}

/* -EAGAIN with self at the tail of the ready queue after it parks, and a look outside before it is
 * there again: a step that has had its share gives way like this. Cancel as in arm. */
int strand_wait_give_way(struct strand *self);

/* The same for one who need not wait, only let others go first: a cancel is left for later. */
int strand_wait_pass_by(struct strand *self);

/* Disarms the strand and makes it ready. No harm when it is not armed. */
void strand_wait_wake(struct strand *strand);

/* Wakes the first of a queue; its strand, or NULL when empty. */
struct strand *strand_wait_wake_first(struct strand_list *queue);
void strand_wait_wake_all(struct strand_list *queue);

/* Ahead of a wake: the wait of the first of a queue, and, where it lies in its block, the block. */
static inline void strand_wait_fetch_first(const struct strand_list *queue)
{
    uintptr_t link = (uintptr_t)queue->head.next;
    strand_fetch(link, STRAND_CACHE_LINE);
    strand_fetch(link - offsetof(struct strand, wait.link), STRAND_CACHE_LINE);
}

static inline struct strand *strand_of_wait_link(struct strand_link *link)
{
    return CONTAINER_OF(link, struct strand_wait, link)->strand;
}

#endif
