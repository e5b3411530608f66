/* SPDX-License-Identifier: Apache-2.0 */
#include "wait.h"

#include <errno.h>

#include "clock.h"
#include "scheduler.h"

static void fire(struct strand_timer *timer)
{
    struct strand_wait *wait = CONTAINER_OF(timer, struct strand_wait, timer);
    strand_wait_wake(wait->strand);
}

/* The bit for `waits`, or -ENOMEM. */
static int set_timer(struct strand *self, int64_t deadline_ns)
{
    struct strand_timer *timer = &strand_wait_of(self)->timer;
    if (deadline_ns == STRAND_FOREVER)
        return 0;
    timer->deadline_ns = deadline_ns;
    timer->fire = fire;
    int status = strand_timers_add(&self->scheduler->timers, timer);
    return status < 0 ? status : STRAND_TIMED;
}

static void unset_timer(struct strand *self)
{
    if (self->waits & STRAND_TIMED)
        strand_timers_remove(&self->scheduler->timers, &strand_wait_of(self)->timer);
}

void strand_wait_disarm(struct strand *strand)
{
    if (strand->waits & STRAND_QUEUED)
        strand_link_remove(&strand_wait_of(strand)->link);
    unset_timer(strand);
    strand->waits = 0;
}

static bool meets_cancel(struct strand *self)
{
    if (!self->cancelled || self->deferring)
        return false;
    self->cancelled = 0;
    return true;
}

static unsigned kind_bits(enum strand_wait_kind kind, int64_t deadline_ns)
{
    if (kind == STRAND_WAIT_BARE)
        return STRAND_BARE;
    return kind == STRAND_WAIT_INSIDE && deadline_ns == STRAND_FOREVER ? STRAND_INSIDE : 0;
}

int strand_wait_arm(struct strand *self, struct strand_list *queue, const char *reason,
                    int64_t deadline_ns, enum strand_wait_kind kind)
{
    if (!strand_make_more(self))
        return -ENOMEM;
    struct strand_wait *wait = strand_wait_of(self);
    bool keeps_place = queue && (self->waits & STRAND_QUEUED) && wait->queue == queue;
    if (keeps_place)
        unset_timer(self);
    else
        strand_wait_done(self);
    self->waits &= (uint8_t)~STRAND_TIMED;
    int status = meets_cancel(self)                            ? -ECANCELED
                 : deadline_ns <= self->scheduler->now_ns      ? -ETIMEDOUT
                                                               : set_timer(self, deadline_ns);
    if (status < 0) {
        strand_wait_done(self);
        return status;
    }
    if (queue && !keeps_place)
        strand_list_append(queue, &wait->link);
    wait->strand = self;
    wait->queue = queue;
    wait->reason = reason;
    wait->since_ns = self->scheduler->now_ns;
    self->waits = (uint8_t)(STRAND_ARMED | (queue ? STRAND_QUEUED : 0) | (unsigned)status |
                            kind_bits(kind, deadline_ns));
    self->unpark = 0;
    return -EAGAIN;
}

int strand_wait_give_way(struct strand *self)
{
    strand_wait_done(self);
    return meets_cancel(self) ? -ECANCELED : strand_wait_pass_by(self);
}

int strand_wait_pass_by(struct strand *self)
{
    strand_wait_done(self);
    self->unpark = 1;      /* whoever parks it finds it not armed, and queues it at once */
    strand_scheduler_grant(self->scheduler, 0);      /* others are also those who wait outside */
    return -EAGAIN;
}

void strand_parked(struct strand *strand)
{
    strand_scheduler *s = strand->scheduler;
    strand_become(strand, STRAND_PARKED);
    strand_counter_add(&s->parked, 1);
    s->inside += (strand->waits & STRAND_INSIDE) != 0;
}

void strand_unparked(struct strand *strand)
{
    strand_scheduler *s = strand->scheduler;
    strand_counter_subtract(&s->parked, 1);
    strand_counter_add(&s->wakes, 1);
    s->inside -= (strand->waits & STRAND_INSIDE) != 0;
    strand_ready_append(s, strand);
}

void strand_wait_wake(struct strand *strand)
{
    if (!strand_armed(strand))
        return;
    if (strand->state == STRAND_PARKED) {
        strand_unparked(strand);
        strand->unpark = strand->kind == STRAND_HOSTED;
    } else if (strand->state == STRAND_RUNNING) {
        strand->unpark = 1;
    } else if (strand->state == STRAND_READY) {
        /* Its host said that it can run, perhaps in vain (a thread dump's echo): then it is still
         * parked there. An unpark too many does no harm, one too few loses the strand. */
        strand->unpark = strand->kind == STRAND_HOSTED;
    }
    if (strand->scheduler->stamps_wakes)
        strand_wait_of(strand)->since_ns = strand_clock_now_ns();
    strand_wait_disarm(strand);
}

struct strand *strand_wait_wake_first(struct strand_list *queue)
{
    struct strand_link *link = strand_list_first(queue);
    if (!link)
        return NULL;
    struct strand *strand = strand_of_wait_link(link);
    strand_wait_wake(strand);
    return strand;
}

void strand_wait_wake_all(struct strand_list *queue)
{
    while (strand_wait_wake_first(queue))
        continue;
}
