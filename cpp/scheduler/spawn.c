/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning and the end of strands. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "segments.h"

enum { CONTROL_ALIGN = 64 };

/* The control block at the top of its stack; the frames lie below it. */
static struct strand *place_control(const struct strand_stack *stack)
{
    uintptr_t high = (uintptr_t)stack->low + stack->size_bytes;
    return (struct strand *)((high - sizeof(struct strand)) & ~(uintptr_t)(CONTROL_ALIGN - 1));
}

static void set_name(struct strand *strand, const char *name)
{
    if (!name)
        return;
    size_t length = strnlen(name, STRAND_NAME_BYTES - 1);
    memcpy(strand->name, name, length);
    strand->name[length] = '\0';
}

static struct strand *build(strand_scheduler *s, struct strand_stack *stack,
                            const struct strand_options *options, strand_entry entry,
                            void *argument)
{
    struct strand *strand = place_control(stack);
    strand_control_init(strand, s->native_kind, s);
    size_t frames = (size_t)((char *)strand - stack->low);
    strand->stack = *stack;
    strand->entry = entry;
    strand->argument = argument;
    if (options) {
        set_name(strand, options->name);
        strand->max_stack_bytes = options->max_stack_bytes;
    }
    strand_sanitizer_init(&strand->sanitizer, stack->low, frames);
    strand_context_prepare(&strand->context, stack->low, frames, strand_context_begin);
    return strand;
}

/* Into the living, without a place in the queue yet. */
void strand_scheduler_adopt(struct strand *strand)
{
    strand_scheduler *s = strand->scheduler;
    strand_list_append(&s->all, &strand->all);
    strand_counter_add(&s->live, 1);
    strand_counter_add(&s->spawned, 1);
}

static int spawn_here(strand_scheduler *s, const struct strand_options *options,
                      unsigned size_class, strand_entry entry, void *argument, strand_id *id)
{
    struct strand_stack stack;
    int status = strand_stack_acquire(s->stacks, size_class, &stack);
    if (status < 0)
        return status;
    struct strand *strand = build(s, &stack, options, entry, argument);
    if (!strand_table_take(&s->slots, s, strand)) {
        strand_sanitizer_destroy(&strand->sanitizer);
        strand_stack_release(&stack);
        return -ENOMEM;
    }
    strand_scheduler_adopt(strand);
    strand_ready_append(s, strand);
    *id = strand->id;
    return 0;
}

/* By a thread that is not the holder: from a pool of its own kind, and through the inbox. */
static int spawn_from_outside(strand_scheduler *s, const struct strand_options *options,
                              unsigned size_class, strand_entry entry, void *argument,
                              strand_id *id)
{
    struct strand_stack stack;
    pthread_mutex_lock(&s->guest_lock);
    int status = strand_stack_acquire(s->guest_stacks, size_class, &stack);
    pthread_mutex_unlock(&s->guest_lock);
    if (status < 0)
        return status;
    struct strand *strand = build(s, &stack, options, entry, argument);
    struct strand_slot *slot = strand_table_take(NULL, s, strand);
    if (!slot) {
        strand_sanitizer_destroy(&strand->sanitizer);
        pthread_mutex_lock(&s->guest_lock);
        strand_stack_release(&stack);
        pthread_mutex_unlock(&s->guest_lock);
        return -ENOMEM;
    }
    *id = strand->id;
    atomic_fetch_add(&s->arriving, 1);
    strand_scheduler *same;
    CHECK(strand_slot_post(slot, *id, STRAND_POST_BEGIN, &same) == 1);
    strand_inbox_push(s, slot);
    return 0;
}

int strand_scheduler_may_spawn(strand_scheduler *s)
{
    if (atomic_load_explicit(&s->inbox.stop_requested, memory_order_relaxed))
        return -ECANCELED;
    uint64_t arriving = atomic_load_explicit(&s->arriving, memory_order_relaxed);
    return strand_counter_read(&s->live) + arriving >= s->max_strands ? -EAGAIN : 0;
}

int strand_scheduler_spawn(strand_scheduler *held, strand_scheduler *s,
                           const struct strand_options *options, strand_entry entry, void *argument,
                           strand_id *id)
{
    strand_id ignored;
    if (!s || !entry || (options && options->size < sizeof *options))
        return -EINVAL;
    size_t stack_bytes = options ? options->stack_bytes : 0;
    int size_class = strand_stack_class_for(stack_bytes ? stack_bytes : s->default_stack_bytes);
    if (size_class < 0)
        return size_class;
    int status = strand_scheduler_may_spawn(s);
    if (status < 0)
        return status;
    if (!id)
        id = &ignored;
    return held == s
               ? spawn_here(s, options, (unsigned)size_class, entry, argument, id)
               : spawn_from_outside(s, options, (unsigned)size_class, entry, argument, id);
}

void strand_arrive(struct strand *strand)
{
    strand_scheduler_adopt(strand);
    atomic_fetch_sub(&strand->scheduler->arriving, 1);      /* never counted too few */
    strand->cancelled |= strand->scheduler->stop_deadline_ns != 0;
    strand_ready_append(strand->scheduler, strand);
}

void strand_scheduler_end(struct strand *strand)
{
    strand_scheduler *s = strand->scheduler;
    strand_id id = strand->id;
    void *result = strand->result;

    strand_join_forget(strand);
    bool keep = result && strand_list_empty(&strand->joiners);
    s->results_kept += keep;
    strand_joiners_wake(strand, result);
    strand_become(strand, STRAND_FINISHED);
    strand_link_remove(&strand->all);
    struct strand_slot *slot = strand_table_find(id);
    unsigned posts = strand_slot_end(&s->slots, slot, keep, result);
    s->undelivered += (posts & STRAND_POST_POSTED) != 0;
    strand_counter_subtract(&s->live, 1);
    strand_counter_add(&s->finished, 1);
    if (posts & STRAND_POST_WATCHED)
        strand_watchers_wake(s, slot, id, result);
}

void strand_scheduler_release(struct strand *strand)
{
    strand_scheduler *s = strand->scheduler;
    if (strand->kind == STRAND_HOSTED) {
        strand_hosted_give_block(s, strand);
        return;
    }
    strand_segments_release(strand);
    struct strand_stack stack = strand->stack;
    strand_sanitizer_destroy(&strand->sanitizer);
    if (stack.home == s->stacks) {
        strand_stack_release(&stack);
        return;
    }
    pthread_mutex_lock(&s->guest_lock);
    strand_stack_release(&stack);
    pthread_mutex_unlock(&s->guest_lock);
}
