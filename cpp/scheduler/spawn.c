/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning and the end of strands. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attributes.h"
#include "held.h"
#include "options.h"
#include "segments.h"

static void set_name(struct strand *strand, const char *name)
{
    if (!name)
        return;
    size_t length = strnlen(name, STRAND_NAME_BYTES - 1);
    memcpy(strand_extras(strand)->name, name, length);      /* blank behind it */
}

/* A block out of the pool: only one that has never been used does not know its stack. */
static struct strand *take_block(strand_scheduler *s, struct strand_stack_pool *pool,
                                 unsigned size_class, int *status)
{
    struct strand_stack stack;
    char *top = strand_stack_take(&pool->classes[size_class]);
    if (top) {
        struct strand *block = strand_control_at(top);
        if (block->stack_low)
            return block;
        strand_stack_describe(pool, size_class, top, &stack);
    } else {
        *status = strand_stack_acquire(pool, size_class, &stack);
        if (*status < 0)
            return NULL;
    }
    struct strand *block = strand_control_at(stack.low + stack.size_bytes);
    block->scheduler = s;
    block->stack_low = stack.low;
    block->stack = stack;
    block->size_class = (uint8_t)stack.size_class;
    if (size_class == STRAND_STACK_DENSE)
        strand_stack_canary_set(&stack);        /* it stays: each end looks that it has */
    return block;
}

static inline void build_plain(struct strand *strand, enum strand_kind kind, strand_entry entry,
                               void *argument)
{
    size_t frames = (size_t)((char *)strand - strand->stack_low);
    strand_sanitizer_init(&strand->sanitizer, strand->stack_low, frames);
    strand_context_prepare(&strand->context, strand->stack_low, frames, strand_context_begin);
    strand->entry = entry;
    strand->argument = argument;
    strand_control_init(strand, kind);
}

static void build(strand_scheduler *s, struct strand *strand, const struct strand_options *options,
                  strand_entry entry, void *argument)
{
    build_plain(strand, strand_kind_on(s, strand->size_class), entry, argument);
    set_name(strand, options->name);
    if (options->max_stack_bytes)
        strand_extras(strand)->max_stack_bytes = options->max_stack_bytes;
}

void strand_scheduler_adopt(strand_scheduler *s, struct strand *strand)
{
    if (strand->kind == STRAND_HOSTED)
        strand_hosted_list(s, strand);
    else if (!strand_slot_of(strand)->bound.next)
        strand_list_append(&s->bound, &strand_slot_of(strand)->bound);
    strand_counter_add(&s->spawned, 1);
}

/* The word is asked alone: the block may be in the hands of a thread that spawns. */
static void visit_living(const struct strand_slot *slot, void (*visit)(struct strand *, void *),
                         void *context)
{
    struct strand *strand = strand_slot_strand(slot);
    if (strand_slot_is(slot, strand_slot_id(slot)) && strand->state != STRAND_NEW)
        visit(strand, context);
}

void strand_scheduler_visit(strand_scheduler *s, void (*visit)(struct strand *, void *),
                            void *context)
{
    struct strand_link *next;
    for (struct strand_link *link = s->bound.head.next; link != &s->bound.head; link = next) {
        next = link->next;
        visit_living(CONTAINER_OF(link, struct strand_slot, bound), visit, context);
    }
    for (const struct strand_slot *slot = s->hosted_first; slot; slot = strand_slot_mate(slot))
        visit_living(slot, visit, context);
}

static int spawn_here(strand_scheduler *s, const struct strand_options *options,
                      unsigned size_class, strand_entry entry, void *argument, strand_id *id)
{
    int status = 0;
    struct strand *strand = take_block(s, s->stacks, size_class, &status);
    if (!strand)
        return status;
    build(s, strand, options, entry, argument);
    if (!strand_table_take(&s->slots, s, strand)) {
        strand_scheduler_release(strand);
        return -ENOMEM;
    }
    strand_scheduler_adopt(s, strand);
    strand_ready_append(s, strand);
    if (id)
        *id = strand_reveal(strand);
    return 0;
}

/* By a thread that is not the holder: from a pool of its own kind, and through the inbox. */
static int spawn_from_outside(strand_scheduler *s, const struct strand_options *options,
                              unsigned size_class, strand_entry entry, void *argument,
                              strand_id *id)
{
    int status = 0;
    pthread_mutex_lock(&s->guest_lock);
    struct strand *strand = take_block(s, s->guest_stacks, size_class, &status);
    pthread_mutex_unlock(&s->guest_lock);
    if (!strand)
        return status;
    strand->guest = 1;
    build(s, strand, options, entry, argument);
    struct strand_slot *slot = strand_table_take(NULL, s, strand);
    if (!slot) {
        strand_scheduler_release(strand);
        return -ENOMEM;
    }
    strand_id revealed = strand_reveal(strand);
    if (id)
        *id = revealed;
    atomic_fetch_add(&s->arriving, 1);
    strand_scheduler *same;
    CHECK(strand_slot_post(slot, revealed, STRAND_POST_BEGIN, &same) == 1);
    strand_inbox_push(s, slot);
    return 0;
}

int strand_scheduler_spawn(strand_scheduler *held, strand_scheduler *s,
                           const struct strand_options *options, strand_entry entry, void *argument,
                           strand_id *id)
{
    struct strand_options known;
    if (!s && !held)
        return -EPERM;
    s = s ? s : held;
    int status = entry ? strand_options_read(options, &known) : -EINVAL;
    if (status < 0)
        return status;
    int size_class = strand_stack_class_wanted(s, &known);
    if (size_class < 0)
        return size_class;
    status = strand_scheduler_may_spawn(s);
    if (status < 0)
        return status;
    return held == s
               ? spawn_here(s, &known, (unsigned)size_class, entry, argument, id)
               : spawn_from_outside(s, &known, (unsigned)size_class, entry, argument, id);
}

/*
 * The common case is in one piece: a stack that has served the default class before, whose block
 * knows its place and has its table entry. Nothing is called but strand_context_prepare.
 */
STRAND_OPAQUE int strand_scheduler_spawn_plain(strand_scheduler *s, strand_entry entry,
                                               void *argument, strand_id *id)
{
    strand_scheduler *held = strand_held_here;
    if (!held || (s && s != held) || !entry || strand_scheduler_may_spawn(held) < 0)
        return strand_scheduler_spawn(held, s, NULL, entry, argument, id);
    char *top = strand_stack_at_hand(held->default_stacks);
    struct strand *strand = top ? strand_control_at(top) : NULL;
    if (!strand || !strand->id)
        return strand_scheduler_spawn(held, s, NULL, entry, argument, id);
    strand_stack_take(held->default_stacks);      /* that one */
    strand_slot_begin(strand_slot_of(strand), strand);
    build_plain(strand, held->default_kind, entry, argument);
    strand_ready_append(held, strand);
    strand_counter_add(&held->spawned, 1);
    if (id)
        *id = strand_reveal(strand);
    return 0;
}

void strand_arrive(struct strand *strand)
{
    strand_scheduler *s = strand->scheduler;
    strand_scheduler_adopt(s, strand);
    if (strand->guest)
        atomic_fetch_sub(&s->arriving, 1);      /* never counted too few */
    strand->cancelled |= s->stop_deadline_ns != 0;
    strand_ready_append(s, strand);
}

/* Wakes its joiners; true when its result is to be kept for one that comes later. */
static bool hand_result_on(struct strand *strand)
{
    struct strand_extras *extras = strand_known_extras(strand);
    strand_join_forget(strand);
    bool keep = extras->result && strand_list_empty(&extras->joiners);
    strand_joiners_wake(strand, extras->result);
    return keep;
}

/* The entry serves the block no more; a hosted one rests with it. */
static void part(struct strand *strand, struct strand_slot *slot)
{
    if (strand->kind == STRAND_HOSTED)
        return;
    strand_link_remove(&slot->bound);
    strand->id = 0;
}

/* Whoever sees it sees the spawns before it: strand_scheduler_live. */
static inline void count_finished(strand_scheduler *s)
{
    __atomic_store_n(&s->finished, s->finished + 1, __ATOMIC_RELEASE);
}

static __attribute__((noinline)) void end_known(strand_scheduler *s, struct strand *strand)
{
    strand_id id = strand->id;
    struct strand_slot *slot = strand_slot_of(strand);
    void *result = strand->has_extras ? strand_known_extras(strand)->result : NULL;
    bool keep = strand->has_extras && hand_result_on(strand);

    strand_move(strand, STRAND_RUNNING, STRAND_FINISHED);
    if (keep) {      /* before any thread can take the result, and give the entry to any block */
        s->results_kept++;
        part(strand, slot);
    }
    unsigned posts = keep ? strand_slot_end_keeping(slot, result) : strand_slot_end(slot);
    count_finished(s);
    if (posts & (STRAND_POST_POSTED | STRAND_POST_WORN)) {
        s->undelivered += (posts & STRAND_POST_POSTED) != 0;
        if (!keep)
            part(strand, slot);
    }
    if (posts & STRAND_POST_WATCHED)
        strand_watchers_wake(s, slot, id, result);
}

void strand_scheduler_end(strand_scheduler *s, struct strand *strand)
{
    if (strand->known || strand->has_extras || !strand_slot_end_unknown(strand_slot_of(strand))) {
        end_known(s, strand);
        return;
    }
    strand_move(strand, STRAND_RUNNING, STRAND_FINISHED);
    count_finished(s);
}

void strand_scheduler_release(struct strand *strand)
{
    strand_scheduler *s = strand->scheduler;
    if (strand->kind == STRAND_HOSTED) {
        strand_hosted_give_block(s, strand);
        return;
    }
    if (strand->has_extras)
        strand_segments_release(strand);
    strand_sanitizer_destroy(&strand->sanitizer);
    if (strand->size_class == STRAND_STACK_DENSE && !strand_stack_canary_intact(strand->stack_low))
        strand_scheduler_dense_overrun(strand);
    if (!strand->guest &&
        strand_stack_give(s->stacks, strand->size_class, strand_control_top(strand)))
        return;
    /* The carrier's own may be unmapped: not while a dump names its strand (dump.c). */
    pthread_mutex_lock(&s->guest_lock);
    strand_stack_release(&strand->stack);
    pthread_mutex_unlock(&s->guest_lock);
}
