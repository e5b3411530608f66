/* SPDX-License-Identifier: Apache-2.0 */
#include "segments.h"

#include <errno.h>

#include "attributes.h"

#define KIB ((size_t)1024)

enum { HEADER_ALIGN = 64 };

/* Segments double up to here, so that deep recursion links few and a small strand none too
 * large. */
#define DOUBLED_TO (8 * KIB * KIB)
/* Below these the pool, which may have to map memory and to print, works on the carrier's stack. */
#define ROOM_FOR_POOL (8 * KIB)
/* What of a segment is not fn's: the header, aligned, and the frames before fn's. */
#define OVERHEAD (sizeof(struct strand_segment) + HEADER_ALIGN + KIB / 2)

static struct strand_segment *place_header(const struct strand_stack *stack)
{
    uintptr_t top = (uintptr_t)strand_stack_frames_top(stack);
    uintptr_t mask = ~(uintptr_t)(HEADER_ALIGN - 1);
    return (struct strand_segment *)((top - sizeof(struct strand_segment)) & mask);
}

static size_t frames_of(const struct strand_segment *segment, const struct strand_stack *stack)
{
    return (size_t)((const char *)segment - stack->low);
}

static size_t strand_bytes(const struct strand *self)
{
    const struct strand_segment *segment = strand_segments_inner(self);
    return segment ? segment->strand_bytes : strand_stack_counted_bytes(&self->stack);
}

/* What the strand's own limit leaves; the pool keeps the limit of all. */
static size_t room_for(const struct strand *self)
{
    size_t limit = self->has_extras ? self->extras.max_stack_bytes : 0;
    if (!limit)
        limit = self->scheduler->max_stack_bytes;
    size_t used = strand_bytes(self);
    if (!limit)
        return SIZE_MAX;
    return limit > used ? limit - used : 0;
}

static int acquire_within(const struct strand *self, size_t size_bytes, struct strand_stack *stack)
{
    size_t most = room_for(self);
    if (size_bytes > most)
        return -EAGAIN;
    int status = strand_stack_acquire_bytes(self->scheduler->stacks, size_bytes, stack);
    if (status == 0 && strand_stack_counted_bytes(stack) > most) {
        strand_stack_release(stack);
        return -EAGAIN;
    }
    return status;
}

/* A refusal by the pool is told on standard error: where less would do, it is not asked. */
static bool pool_has(const strand_scheduler *s, size_t size_bytes)
{
    const struct strand_stack_limit *limit = &s->stack_limit;
    size_t used = __atomic_load_n(&limit->used_bytes, __ATOMIC_RELAXED);
    return !limit->max_bytes || (used < limit->max_bytes && size_bytes <= limit->max_bytes - used);
}

/* At least twice as much, as slots have it. */
static size_t doubled_bytes(size_t size_bytes)
{
    return size_bytes < DOUBLED_TO / 2
               ? strand_stack_class_bytes((unsigned)strand_stack_class_for(2 * size_bytes))
               : DOUBLED_TO;
}

/* Twice the last one's size where that can be had, else what is asked for. */
static int acquire(const struct strand *self, size_t size_bytes, struct strand_stack *stack)
{
    const struct strand_stack_pool *pool = self->scheduler->stacks;
    size_t least = size_bytes + OVERHEAD;
    size_t doubled = doubled_bytes(strand_stack_counted_bytes(strand_segments_stack(self)));
    size_t within = doubled - pool->control_bytes - STRAND_STACK_COLOUR_BYTES;
    if (within > least && pool_has(self->scheduler, doubled) &&
        acquire_within(self, within, stack) == 0)
        return 0;
    return acquire_within(self, least, stack);
}

/* The first frame of a segment: an exception that leaves fn finds no caller, and terminates. */
static void begin(void *value)
{
    struct strand_segment *segment = value;
    struct strand *self = segment->strand;
    strand_sanitizer_arrive(&self->sanitizer, &segment->sanitizer);
    segment->fn(segment->arg);
    if (self->kind == STRAND_SPLIT)
        strand_split_save(segment->split);
    strand_sanitizer_leave(&self->sanitizer, &segment->sanitizer, true);
    strand_context_switch(&segment->context, &segment->outer_context, segment);
    CHECK(!"a segment that was left ran again");
}

struct request {
    struct strand *self;
    size_t size_bytes;
    struct strand_segment *segment;
    int status;
};

static void obtain(void *argument)
{
    struct request *request = argument;
    struct strand *self = request->self;
    struct strand_stack stack;
    request->status = acquire(self, request->size_bytes, &stack);
    if (request->status < 0)
        return;
    struct strand_segment *segment = place_header(&stack);
    size_t frames = frames_of(segment, &stack);
    segment->outer_context = (struct strand_context){0};
    segment->outer = strand_segments_inner(self);
    segment->strand = self;
    segment->stack = stack;
    segment->strand_bytes = strand_bytes(self) + strand_stack_counted_bytes(&stack);
    strand_sanitizer_init(&segment->sanitizer, stack.low, frames);
    if (self->kind == STRAND_SPLIT)
        strand_split_prepare(segment->split, stack.low, frames);
    request->segment = segment;
}

/* The segment's header is gone afterwards. */
static void give_back(void *argument)
{
    struct strand_segment *segment = argument;
    strand_scheduler *s = segment->strand->scheduler;
    struct strand_stack stack = segment->stack;
    uint64_t split = 0;
    if (segment->strand->kind == STRAND_SPLIT)
        split = strand_split_release(segment->split);
    strand_sanitizer_destroy(&segment->sanitizer);
    strand_counter_add(&s->segments_linked, split);
    strand_counter_add(&s->segments_freed, split + 1);
    strand_stack_release(&stack);
}

static void exchange_sanitizers(struct strand *self, struct strand_segment *segment)
{
    struct strand_sanitizer other = segment->sanitizer;
    segment->sanitizer = self->sanitizer;
    self->sanitizer = other;
}

static void enter(struct strand *self, struct strand_segment *segment)
{
    void **outer_split = strand_segments_split(self);
    if (outer_split) {
        strand_split_save(outer_split);
        strand_split_load(segment->split);
    }
    strand_extras(self)->segment = segment;
    exchange_sanitizers(self, segment);
    strand_sanitizer_leave(&segment->sanitizer, &self->sanitizer, false);
    strand_context_switch(&segment->outer_context, &segment->context, segment);
    self->extras.segment = segment->outer;
    exchange_sanitizers(self, segment);
    strand_sanitizer_arrive(&self->sanitizer, &segment->sanitizer);
    if (outer_split)
        strand_split_load(outer_split);
}

static void do_with_room(struct strand *self, void (*work)(void *), void *argument)
{
    if (strand_segments_remaining(self, __builtin_frame_address(0)) >= ROOM_FOR_POOL)
        work(argument);
    else
        strand_scheduler_call_on_carrier(self->scheduler, work, argument);
}

STRAND_OPAQUE int strand_segments_call(struct strand *self, size_t size_bytes, void (*fn)(void *),
                                       void *arg)
{
    strand_scheduler *s = self->scheduler;
    struct request request = {.self = self, .size_bytes = size_bytes};
    do_with_room(self, obtain, &request);
    if (request.status < 0)
        return request.status;
    struct strand_segment *segment = request.segment;
    segment->fn = fn;
    segment->arg = arg;
    /* Here and not with the rest: it begins with the strand's control words, not the carrier's. */
    strand_context_prepare(&segment->context, segment->stack.low,
                           frames_of(segment, &segment->stack), begin);
    strand_counter_add(&s->segments_linked, 1);
    enter(self, segment);
    do_with_room(self, give_back, segment);
    return 0;
}

void **strand_segments_split(const struct strand *strand)
{
    struct strand_segment *segment = strand_segments_inner(strand);
    if (strand->kind != STRAND_SPLIT || !strand->has_extras)
        return NULL;
    return segment ? segment->split : strand->extras.split;
}

/* Of one that has extras. */
void strand_segments_release(struct strand *strand)
{
    struct strand_segment *segment;
    while ((segment = strand->extras.segment)) {
        strand->extras.segment = segment->outer;
        exchange_sanitizers(strand, segment);
        give_back(segment);
    }
    if (strand->extras.split) {
        strand_scheduler *s = strand->scheduler;
        uint64_t split = strand_split_release(strand->extras.split);
        strand_counter_add(&s->segments_linked, split);
        strand_counter_add(&s->segments_freed, split);
    }
}

/* -- walking -- */

/* The frames of one segment from sp on, and the block above them. */
static void walk_one(void **split, const void *sp, const void *block, const void *block_end,
                     strand_range_visitor visit, void *context)
{
    if (!split) {
        visit(context, sp, block_end);
        return;
    }
    strand_split_walk(split, sp, visit, context);
    visit(context, block, block_end);
}

static void walk_extras(const struct strand_extras *extras, strand_range_visitor visit,
                        void *context)
{
    if (extras->local_count)
        visit(context, extras->locals, extras->locals + extras->local_count);
    for (const struct strand_deferred *d = extras->deferred; d; d = d->next)
        visit(context, d, d + 1);
}

static void walk_from(const struct strand *strand, void **split, const void *sp,
                      strand_range_visitor visit, void *context)
{
    struct strand_segment *segment = strand_segments_inner(strand);
    for (; segment; segment = segment->outer) {
        walk_one(split, sp, segment, segment + 1, visit, context);
        sp = strand_context_sp(&segment->outer_context);
        if (split)
            split = segment->outer ? segment->outer->split : strand->extras.split;
    }
    walk_one(split, sp, strand, strand + 1, visit, context);
    if (strand->has_extras)
        walk_extras(&strand->extras, visit, context);
}

void strand_segments_walk(const struct strand *strand, strand_range_visitor visit, void *context)
{
    const void *sp = strand_context_sp(&strand->context);
    walk_from(strand, strand_segments_split(strand), sp, visit, context);
}

/* The frame of a callee lies below all that its caller has pushed. */
static STRAND_OPAQUE void walk_here(const struct strand *self, strand_range_visitor visit,
                                    void *context)
{
    void *words[STRAND_SPLIT_WORDS], **split = NULL;
    if (self->kind == STRAND_SPLIT)
        strand_split_save(split = words);
    walk_from(self, split, __builtin_frame_address(0), visit, context);
}

STRAND_OPAQUE void strand_segments_walk_self(const struct strand *self, strand_range_visitor visit,
                                             void *context)
{
    __builtin_unwind_init();      /* callee-saved registers into this frame */
    walk_here(self, visit, context);
    __asm__ volatile("" : : : "memory");      /* after which no tail call leaves this frame */
}
