/* SPDX-License-Identifier: Apache-2.0 */
#include "hosted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wait.h"

/*
 * A block stands in a table entry, which stays its scheduler's. Between two strands the block stands
 * in a chain, last used first, with the id of its next strand already, NEW, so that to take one is to
 * take it off the chain, which the host does by itself (hosted_window.h). Blocks for other threads
 * have a chain of their own.
 */
enum { REFILL = 64 };

static void make_spare(struct strand **chain, struct strand *block)
{
    strand_control_init(block, STRAND_HOSTED);
    strand_slot_begin(strand_slot_of(block), block);
    strand_reveal(block);
    block->spare = *chain;      /* where the last one here may have left an operation */
    *chain = block;
}

static struct strand *take_off(struct strand **chain)
{
    struct strand *block = *chain;
    if (block) {
        *chain = block->spare;
        block->operation = NULL;
    }
    return block;
}

void strand_hosted_list(strand_scheduler *s, struct strand *block)
{
    if (block->listed)
        return;
    block->listed = 1;
    struct strand_slot *slot = strand_slot_of(block);
    if (s->hosted_last)
        s->hosted_last->mate = strand_slot_number(slot);
    else
        s->hosted_first = slot;
    s->hosted_last = slot;
}

/* The first to be taken is the first in the list. */
static void refill(strand_scheduler *s)
{
    struct strand *made[REFILL];
    size_t count = 0;
    while (count < REFILL && (made[count] = strand_table_take_hosted(&s->slots, s)))
        strand_hosted_list(s, made[count++]);
    while (count > 0)
        make_spare(&s->spare_hosted, made[--count]);
}

static struct strand *take_spare(strand_scheduler *s)
{
    if (!s->spare_hosted)
        refill(s);
    return take_off(&s->spare_hosted);
}

static struct strand *take_for_guest(strand_scheduler *s)
{
    pthread_mutex_lock(&s->guest_lock);
    if (!s->guest_spares) {
        struct strand *made = strand_table_take_hosted(NULL, s);
        if (made) {
            made->guest = 1;
            make_spare(&s->guest_spares, made);
        }
    }
    struct strand *block = take_off(&s->guest_spares);
    pthread_mutex_unlock(&s->guest_lock);
    if (block)
        atomic_fetch_add(&s->arriving, 1);
    return block;
}

void strand_hosted_give_block(strand_scheduler *s, struct strand *block)
{
    if (strand_slot_rests(strand_slot_of(block)))
        return;
    if (!block->guest) {
        make_spare(&s->spare_hosted, block);
        return;
    }
    pthread_mutex_lock(&s->guest_lock);
    make_spare(&s->guest_spares, block);
    pthread_mutex_unlock(&s->guest_lock);
}

static void end_spares(struct strand **chain)
{
    struct strand *block;
    while ((block = take_off(chain)))
        strand_slot_end(strand_slot_of(block));
}

void strand_hosted_give_entries(strand_scheduler *s)
{
    end_spares(&s->spare_hosted);
    end_spares(&s->guest_spares);
    struct strand_slot *next;
    for (struct strand_slot *slot = s->hosted_first; slot; slot = next) {
        next = strand_slot_mate(slot);
        free(strand_slot_strand(slot)->more);
        strand_table_give(&s->slots, slot);
    }
}

int strand_hosted_create(strand_scheduler *held, strand_scheduler *s, const char *name,
                         struct strand **out)
{
    int status = strand_scheduler_may_spawn(s);
    if (status < 0)
        return status;
    struct strand *strand = held == s ? take_spare(s) : take_for_guest(s);
    if (!strand)
        return -ENOMEM;
    struct strand_extras *extras = name ? strand_extras(strand) : NULL;
    if (extras)
        strncat(extras->name, name, STRAND_NAME_BYTES - 1);      /* without memory it has none */
    *out = strand;
    return 0;
}

/* The holder's: out of NEW, PARKED, or queued by the core a moment ago. */
static int ready_here(struct strand *strand)
{
    switch ((enum strand_state)strand->state) {
    case STRAND_NEW:
        strand_arrive(strand);
        break;
    case STRAND_PARKED:
        strand_unparked(strand);
        break;
    case STRAND_RUNNING:
        return STRAND_HOSTED_RUNS;
    case STRAND_READY:
    case STRAND_FINISHED:
        break;
    }
    return 0;
}

int strand_hosted_ready(strand_scheduler *held, strand_id id)
{
    struct strand_slot *slot = strand_table_find(id);
    if (!slot)
        return -ESRCH;
    if (held && strand_slot_is_of(slot, id, held))
        return ready_here(strand_slot_strand(slot));
    strand_scheduler *s;
    int status = strand_slot_post(slot, id, STRAND_POST_READY, &s);
    if (status == 1)
        strand_inbox_push(s, slot);
    return status < 0 ? status : 0;
}

void strand_hosted_abandon(strand_id id)
{
    struct strand_slot *slot = strand_table_find(id);
    strand_scheduler *s;
    if (slot && strand_slot_post(slot, id, STRAND_POST_ABANDON, &s) == 1)
        strand_inbox_push(s, slot);
}

/* Through all states at once: it has never run. */
void strand_hosted_end_unbegun(struct strand *strand)
{
    CHECK(strand->kind == STRAND_HOSTED && strand->state == STRAND_NEW);
    strand_scheduler_adopt(strand->scheduler, strand);
    if (strand->guest)
        atomic_fetch_sub(&strand->scheduler->arriving, 1);
    strand_become(strand, STRAND_READY);
    strand_become(strand, STRAND_RUNNING);
    strand_scheduler_end(strand->scheduler, strand);
    strand_scheduler_release(strand);
}

static void dispose(strand_scheduler *s, struct strand *previous,
                    enum strand_disposition disposition)
{
    if (disposition == STRAND_DISPOSED_FINISHED) {
        strand_wait_done(previous);      /* an error of its host's may end it in a step */
        if (previous->operation)
            s->hooks.leave(previous);
        strand_scheduler_end(s, previous);
        strand_scheduler_flush(s);
        strand_scheduler_release(previous);
    } else if (disposition == STRAND_DISPOSED_YIELDED) {
        strand_ready_append(s, previous);
    } else {
        strand_scheduler_flush(s);
        if (strand_armed(previous) || !previous->unpark)
            strand_parked(previous);
        else
            strand_ready_append(s, previous);
    }
}

/* Here a step costs a call, in the host a crossing. */
static inline bool begin_turn(strand_scheduler *s, struct strand *strand)
{
    bool unpark = strand->unpark;
    strand->unpark = 0;
    if (strand->operation && !strand_armed(strand))
        s->hooks.prepare(strand);
    return unpark;
}

int strand_hosted_next(strand_scheduler *s, struct strand *previous,
                       enum strand_disposition disposition, struct strand **next, bool *unpark)
{
    if (previous)
        dispose(s, previous, disposition);
    int status = strand_scheduler_turn(s, next);
    if (*next)
        *unpark = begin_turn(s, *next);
    return status;
}

int strand_hosted_pass(strand_scheduler *s, struct strand *previous,
                       enum strand_disposition disposition, struct strand **next)
{
    *next = NULL;
    if (previous)
        dispose(s, previous, disposition);
    struct strand *first = strand_ready_first(&s->ready);
    if (!first || first->kind != STRAND_HOSTED || strand_scheduler_budget_spent(s))
        return 1;
    strand_ready_drop_first(&s->ready, s->woken_outside);
    strand_become(first, STRAND_RUNNING);
    (void)begin_turn(s, first);
    *next = first;
    return 0;
}

int strand_hosted_wait_in_place(struct strand *self)
{
    if (self->waits & STRAND_INSIDE) {
        strand_wait_done(self);
        return -EPERM;
    }
    strand_scheduler_flush(self->scheduler);      /* as whoever parks */
    if (strand_armed(self))
        strand_scheduler_wait_in_place(self->scheduler, self);
    self->unpark = 0;
    return 0;
}
