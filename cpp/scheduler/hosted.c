/* SPDX-License-Identifier: Apache-2.0 */
#include "hosted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wait.h"

/* Ended blocks are kept for the next strand, as stacks are: some a scheduler, its holder's. */
enum { MOST_SPARE = 1024, BLOCK_ALIGN = 64 };

static struct strand *take_block(strand_scheduler *held)
{
    struct strand *block = held ? held->spare_hosted : NULL;
    if (!block) {
        size_t size = (sizeof *block + BLOCK_ALIGN - 1) & ~(BLOCK_ALIGN - 1ul);
        block = aligned_alloc(BLOCK_ALIGN, size);
        if (block)
            memset(block, 0, sizeof *block);
        return block;
    }
    held->spare_hosted = block->next;
    held->spare_hosted_count--;
    return block;
}

void strand_hosted_give_block(strand_scheduler *s, struct strand *block)
{
    if (s->spare_hosted_count == MOST_SPARE) {
        if (block->id)
            strand_scheduler_unbind(s, block);
        free(block);
        return;
    }
    block->next = s->spare_hosted;
    s->spare_hosted = block;
    s->spare_hosted_count++;
}

void strand_hosted_free_blocks(strand_scheduler *s)
{
    struct strand *block;
    while ((block = s->spare_hosted)) {
        s->spare_hosted = block->next;
        free(block);
    }
}

int strand_hosted_create(strand_scheduler *held, strand_scheduler *s, const char *name,
                         struct strand **out)
{
    held = held == s ? s : NULL;
    int status = strand_scheduler_may_spawn(s);
    if (status < 0)
        return status;
    struct strand *strand = take_block(held);
    if (!strand)
        return -ENOMEM;
    strand_control_init(strand, STRAND_HOSTED);
    strand->scheduler = s;
    strand->operation = NULL;      /* the last one here may have ended in the middle of one */
    if (name)
        strncat(strand_extras(strand)->name, name, STRAND_NAME_BYTES - 1);
    if (!strand_table_take(held ? &s->slots : NULL, s, strand)) {
        free(strand);      /* bound blocks do not come here */
        return -ENOMEM;
    }
    strand_reveal(strand);
    atomic_fetch_add(&s->arriving, 1);
    *out = strand;
    return 0;
}

/* The holder's: out of NEW, PARKED, or queued by the core a moment ago. */
static void ready_here(struct strand *strand)
{
    switch ((enum strand_state)strand->state) {
    case STRAND_NEW:
        strand_arrive(strand);
        break;
    case STRAND_PARKED:
        strand_unparked(strand);
        break;
    case STRAND_READY:
    case STRAND_RUNNING:
    case STRAND_FINISHED:
        break;
    }
}

int strand_hosted_ready(strand_scheduler *held, strand_id id)
{
    struct strand_slot *slot = strand_table_find(id);
    if (!slot)
        return -ESRCH;
    if (held && strand_slot_is_of(slot, id, held)) {
        ready_here(slot->strand);
        return 0;
    }
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
    strand_scheduler_adopt(strand->scheduler, strand->slot);
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

int strand_hosted_next(strand_scheduler *s, struct strand *previous,
                       enum strand_disposition disposition, struct strand **next, bool *unpark)
{
    if (previous)
        dispose(s, previous, disposition);
    int status = strand_scheduler_turn(s, next);
    if (*next) {
        *unpark = (*next)->unpark;
        (*next)->unpark = 0;
    }
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
    strand_ready_drop_first(&s->ready);
    strand_become(first, STRAND_RUNNING);
    first->unpark = 0;
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
