/* SPDX-License-Identifier: Apache-2.0 */
#include "hosted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wait.h"

/*
 * The holder's blocks stand in slabs, and between two strands in a chain, last used first: each with
 * the id of its next strand already, NEW, so that to take one is to take it off the chain, which the
 * host does by itself (hosted_window.h). Blocks for other threads come from the heap one by one.
 */
enum { SLAB_BLOCKS = 64 };

struct strand_hosted_slab {
    struct strand_hosted_slab *next;
    void *blocks;
};

static const size_t block_bytes = STRAND_HOSTED_BYTES;

_Static_assert(STRAND_HOSTED_BYTES % 8 == 0, "blocks stand side by side");

/* NEW, with an id. Without memory for an entry it has none. */
static bool prepare(strand_scheduler *s, struct strand *block, struct strand_slot_cache *cache)
{
    strand_control_init(block, STRAND_HOSTED);
    block->scheduler = s;
    block->operation = NULL;      /* the last one here may have ended in the middle of one */
    if (!strand_table_take(cache, s, block))
        return false;
    strand_reveal(block);
    return true;
}

/* One that finds no entry rests until the scheduler's end. */
static void make_spare(strand_scheduler *s, struct strand *block)
{
    if (!prepare(s, block, &s->slots))
        return;
    strand_scheduler_bind(s, block->slot);
    block->after = s->spare_hosted;
    s->spare_hosted = block;
}

/* Not told to the compiler as strands: each ends before the native part does. */
static __attribute__((noinline)) void *blank_blocks(size_t count)
{
    return calloc(count, block_bytes);
}

static struct strand *block_of(const struct strand_hosted_slab *slab, size_t number)
{
    return (struct strand *)((char *)slab->blocks + number * block_bytes);
}

static void refill(strand_scheduler *s)
{
    struct strand_hosted_slab *slab = malloc(sizeof *slab);
    if (!slab)
        return;
    slab->blocks = blank_blocks(SLAB_BLOCKS);
    if (!slab->blocks) {
        free(slab);
        return;
    }
    for (size_t number = SLAB_BLOCKS; number-- > 0;)
        make_spare(s, block_of(slab, number));
    if (!s->spare_hosted) {      /* no entry for any: it would be one more at each try */
        free(slab->blocks);
        free(slab);
        return;
    }
    slab->next = s->hosted_slabs;
    s->hosted_slabs = slab;
}

static struct strand *take_spare(strand_scheduler *s)
{
    if (!s->spare_hosted)
        refill(s);
    struct strand *block = s->spare_hosted;
    if (block)
        s->spare_hosted = block->after;
    return block;
}

static struct strand *make_for_guest(strand_scheduler *s)
{
    struct strand *block = blank_blocks(1);
    if (!block || !prepare(s, block, NULL)) {
        free(block);
        return NULL;
    }
    block->guest = 1;
    atomic_fetch_add(&s->arriving, 1);
    return block;
}

void strand_hosted_give_block(strand_scheduler *s, struct strand *block)
{
    if (!block->guest) {
        make_spare(s, block);
        return;
    }
    if (block->id)
        strand_scheduler_unbind(s, block);
    free(block->more);
    free(block);
}

void strand_hosted_end_spares(strand_scheduler *s)
{
    for (struct strand *block = s->spare_hosted; block; block = block->after)
        strand_slot_end(block->slot);
    s->spare_hosted = NULL;
}

void strand_hosted_free_blocks(strand_scheduler *s)
{
    struct strand_hosted_slab *slab;
    while ((slab = s->hosted_slabs)) {
        s->hosted_slabs = slab->next;
        for (size_t number = 0; number < SLAB_BLOCKS; number++)
            free(block_of(slab, number)->more);
        free(slab->blocks);
        free(slab);
    }
}

int strand_hosted_create(strand_scheduler *held, strand_scheduler *s, const char *name,
                         struct strand **out)
{
    int status = strand_scheduler_may_spawn(s);
    if (status < 0)
        return status;
    struct strand *strand = held == s ? take_spare(s) : make_for_guest(s);
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
        return ready_here(slot->strand);
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
