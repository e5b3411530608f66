/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The carrier's own frames.
 *
 *          +--------------------------------------------------------------+
 *          v                                                              |
 *   budget spent or queue empty?  -- yes --> look outside: stop asked? inbox, loop, timers;
 *          | no                              nothing ready: wait in the loop, or it is over
 *          v
 *   take the first: native -> run it (it and its successors come back here); hosted -> to the host
 */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "clock.h"
#include "overflow.h"
#include "scheduler.h"
#include "wait.h"

int strand_scheduler_enter(strand_scheduler *s)
{
    if (strand_scheduler_held() || s->fork_epoch != strand_fork_epoch())
        return -EPERM;
    uint32_t state = STRAND_IDLE;
    while (!atomic_compare_exchange_strong(&s->running, &state, STRAND_HAS_CARRIER)) {
        if (state == STRAND_HAS_CARRIER)
            return -EBUSY;
        state = STRAND_IDLE;      /* a dump is being written; that is soon over */
        sched_yield();
    }
    strand_scheduler_hold(s);
    strand_sanitizer_init_carrier(&s->carrier_sanitizer);      /* not the last one's */
    s->errno_place = &errno;
    s->grace_spent = false;
    s->now_ns = strand_clock_now_ns();
    strand_scheduler_grant(s, 0);      /* look outside before the first strand */
    return 0;
}

void strand_scheduler_leave(strand_scheduler *s)
{
    strand_scheduler_hold(NULL);
    strand_overflow_disarm(s);
    if (s->stop_deadline_ns)
        atomic_store(&s->inbox.stop_requested, 0);
    s->stop_deadline_ns = 0;
    atomic_store(&s->running, STRAND_IDLE);
}

static void cancel(struct strand *strand, void *context)
{
    (void)context;
    strand_cancel_here(strand);
}

static void begin_stop(strand_scheduler *s)
{
    s->stop_deadline_ns = strand_clock_deadline_ns(strand_clock_now_ns(), s->grace_ns);
    strand_scheduler_visit(s, cancel, NULL);
}

static bool over(strand_scheduler *s)
{
    return strand_scheduler_live(s) == 0 && atomic_load(&s->arriving) == 0 && s->unsent == 0;
}

static bool deadlocked(strand_scheduler *s)
{
    uint64_t live = strand_scheduler_live(s);
    return live && s->inside == live && atomic_load(&s->arriving) == 0 && s->unsent == 0;
}

static bool outside_has_news(strand_scheduler *s)
{
    return atomic_load(&s->inbox.top) ||
           (atomic_load(&s->inbox.stop_requested) && !s->stop_deadline_ns);
}

/* Strands have run since the clock was read, perhaps for long. */
static int64_t time_to_wait_ns(strand_scheduler *s, bool sweeps)
{
    int64_t until_ns = s->timers.count ? s->timers.heap[0]->deadline_ns : STRAND_FOREVER;
    if (s->stop_deadline_ns && s->stop_deadline_ns < until_ns)
        until_ns = s->stop_deadline_ns;
    int64_t trim_ns = sweeps ? strand_trim_due_ns(s) : STRAND_FOREVER;
    if (until_ns == STRAND_FOREVER && trim_ns == STRAND_FOREVER)
        return STRAND_FOREVER;
    if (until_ns == STRAND_FOREVER)       /* no need to be exact */
        return trim_ns > s->now_ns ? trim_ns - s->now_ns : 0;
    if (trim_ns < until_ns)
        until_ns = trim_ns;
    s->now_ns = strand_clock_now_ns();
    return until_ns > s->now_ns ? until_ns - s->now_ns : 0;
}

static void poll_loop(strand_scheduler *s, int64_t timeout_ns)
{
    strand_counter_add(&s->polls, 1);
    if (strand_loop_poll(s->loop, timeout_ns) > 1)
        s->woken_outside = true;
    else if (timeout_ns != 0)      /* nothing was ready before */
        s->woken_outside = false;
    s->now_ns = strand_clock_now_ns();
}

/* Nothing is ready: waits for the outside, unless it has spoken since the caller looked; not beyond
 * the next sweep of idle stacks, where the caller sees to that. */
static void wait_outside(strand_scheduler *s, bool sweeps)
{
    atomic_store(&s->inbox.sleeping, 1);
    if (!outside_has_news(s))
        poll_loop(s, time_to_wait_ns(s, sweeps));
    atomic_store(&s->inbox.sleeping, 0);
}

/* Whether a look needs the clock or the kernel at all: strands that only yield pay for neither. */
static bool has_outside(const strand_scheduler *s)
{
    return s->timers.count || s->stop_deadline_ns || strand_loop_count(s->loop) > 1;
}

static void gather(strand_scheduler *s)
{
    if (atomic_load_explicit(&s->inbox.stop_requested, memory_order_acquire) &&
        !s->stop_deadline_ns)
        begin_stop(s);
    strand_inbox_drain(s);
    strand_scheduler_serve_dump(s);
}

/* Where the loop was not asked the clock has not been read: once in poll_bound switches it is. */
static void look_for_idle_stacks(strand_scheduler *s)
{
    if (!has_outside(s))
        s->now_ns = strand_clock_now_ns();
    strand_trim_tick(s, strand_ready_first(&s->ready));
}

int strand_scheduler_look_outside(strand_scheduler *s)
{
    strand_ready_refill(&s->ready);
    strand_scheduler_grant(s, s->poll_bound);
    gather(s);
    if (strand_ready_first(&s->ready)) {
        if (has_outside(s))
            poll_loop(s, 0);
        else
            s->woken_outside = false;
    } else if (over(s)) {
        return 0;
    } else if (deadlocked(s) && !s->stop_deadline_ns) {
        strand_scheduler_write_dump(s, "deadlock: every strand waits for another", STDERR_FILENO);
        return -EDEADLK;
    } else {
        wait_outside(s, true);
    }
    look_for_idle_stacks(s);
    strand_scheduler_fire_timers(s);
    if (s->stop_deadline_ns && s->now_ns >= s->stop_deadline_ns) {
        const char *why = strand_scheduler_live(s) || atomic_load(&s->arriving)
                              ? "stop: these would not end"
                              : "stop: nobody took the rest of the output";
        strand_scheduler_write_dump(s, why, STDERR_FILENO);
        s->grace_spent = true;
        return 0;
    }
    return 1;
}

void strand_scheduler_wait_in_place(strand_scheduler *s, const struct strand *strand)
{
    strand_counter_add(&s->pinned_waits, 1);
    while (strand_armed(strand)) {
        gather(s);
        if (!strand_armed(strand))
            break;
        wait_outside(s, false);
        strand_scheduler_fire_timers(s);
    }
}

int strand_scheduler_turn(strand_scheduler *s, struct strand **hosted)
{
    *hosted = NULL;
    for (;;) {
        struct strand *next = strand_ready_first(&s->ready);
        if (!next || strand_scheduler_budget_spent(s)) {
            int status = strand_scheduler_look_outside(s);
            if (status <= 0)
                return status;
            continue;
        }
        strand_ready_drop_first(&s->ready, s->woken_outside);
        if (next->kind != STRAND_HOSTED) {
            if (!s->overflow.armed)
                strand_overflow_arm(s);
            strand_scheduler_run_native(s, next);
            continue;
        }
        strand_become(next, STRAND_RUNNING);
        *hosted = next;
        return 0;
    }
}
