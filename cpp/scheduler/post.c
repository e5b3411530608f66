/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inbox: the one entry of outside events. Any thread posts bits to a strand's table entry and
 * pushes the entry, once, onto a lock-free stack; the holder takes the whole stack, turns it round,
 * and does what was posted.
 *
 *   poster                                holder, about to wait
 *   push the entry                        sleeping = 1
 *   if sleeping: sleeping = 0, signal     look at the inbox again; wait; sleeping = 0
 *
 * All four are sequentially consistent, so that one of the two always sees the other.
 */
#include <errno.h>

#include "hosted.h"
#include "scheduler.h"
#include "wait.h"

void strand_inbox_push(strand_scheduler *s, struct strand_slot *slot)
{
    struct strand_inbox *inbox = &s->inbox;
    atomic_fetch_add(&inbox->pushing, 1);
    struct strand_slot *top = atomic_load_explicit(&inbox->top, memory_order_acquire);
    do
        strand_slot_set_next(slot, top);
    while (!atomic_compare_exchange_weak(&inbox->top, &top, slot));
    if (atomic_load(&inbox->sleeping) && atomic_exchange(&inbox->sleeping, 0))
        strand_wakefd_signal(&inbox->wakefd);
    atomic_fetch_sub(&inbox->pushing, 1);
}

static void deliver(strand_scheduler *s, struct strand_slot *slot)
{
    struct strand *strand = strand_slot_strand(slot);
    bool hosted = slot->mate;
    strand_id id = strand_slot_id(slot);
    unsigned posts = strand_slot_take_posts(&s->slots, slot);
    if (!(posts & STRAND_POST_LIVE)) {
        s->undelivered--;
        if (hosted)
            strand_hosted_give_block(s, strand);
        return;
    }
    if (posts & STRAND_POST_ABANDON) {
        strand_hosted_end_unbegun(strand);
        return;
    }
    strand_counter_add(&s->remote_wakes, (posts & STRAND_POST_WAKE) != 0);
    if (posts & STRAND_POST_BEGIN)
        strand_arrive(strand);
    if (posts & STRAND_POST_READY)
        strand_hosted_ready(s, id);
    if (posts & STRAND_POST_CANCEL)
        strand_cancel_here(strand);
    if (posts & STRAND_POST_WAKE)
        strand_wake_here(strand);
    if (posts & STRAND_POST_RETRY)
        strand_wait_wake(strand);
}

void strand_inbox_drain(strand_scheduler *s)
{
    if (!atomic_load_explicit(&s->inbox.top, memory_order_relaxed))
        return;
    struct strand_slot *taken = atomic_exchange(&s->inbox.top, NULL);
    struct strand_slot *in_order = NULL;
    while (taken) {
        struct strand_slot *next = strand_slot_next(taken);
        strand_slot_set_next(taken, in_order);
        in_order = taken;
        taken = next;
    }
    while (in_order) {
        struct strand_slot *slot = in_order;
        in_order = strand_slot_next(slot);
        deliver(s, slot);
    }
}

void strand_wake_here(struct strand *strand)
{
    strand->permit = 1;
    if (strand->waits & STRAND_BARE)
        strand_wait_wake(strand);
}

void strand_cancel_here(struct strand *strand)
{
    strand->cancelled = 1;
    if (strand_armed(strand) && !strand->deferring)
        strand_wait_wake(strand);
}

/* `here` when the strand is the holder's own, else through the inbox. */
static int post_or_do(strand_scheduler *held, strand_id id, unsigned bits,
                      void (*here)(struct strand *))
{
    struct strand_slot *slot = strand_table_find(id);
    if (!slot)
        return -ESRCH;
    /* NEW: still in the inbox, and what was posted first comes first. */
    if (held && strand_slot_is_of(slot, id, held) &&
        strand_slot_strand(slot)->state != STRAND_NEW) {
        here(strand_slot_strand(slot));
        return 0;
    }
    strand_scheduler *s;
    int status = strand_slot_post(slot, id, bits, &s);
    if (status == 1)
        strand_inbox_push(s, slot);
    return status < 0 ? status : 0;
}

int strand_scheduler_wake(strand_scheduler *held, strand_id id)
{
    return post_or_do(held, id, STRAND_POST_WAKE, strand_wake_here);
}

int strand_scheduler_cancel(strand_scheduler *held, strand_id id)
{
    return post_or_do(held, id, STRAND_POST_CANCEL, strand_cancel_here);
}

int strand_scheduler_retry(strand_id id)
{
    return post_or_do(NULL, id, STRAND_POST_RETRY, strand_wait_wake);
}

void strand_scheduler_nudge(strand_scheduler *s)
{
    strand_wakefd_signal(&s->inbox.wakefd);
}

void strand_scheduler_request_stop(strand_scheduler *s)
{
    atomic_store(&s->inbox.stop_requested, 1);
    strand_scheduler_nudge(s);
}
