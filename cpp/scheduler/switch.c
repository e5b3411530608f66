/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native strands leave and take the carrier here. A strand that leaves switches straight to the
 * next ready native strand; to the carrier's own frames (run.c) only when there is none, when the
 * next is hosted, when it is time to look outside, or when it ended with more to give back than its
 * stack.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "attributes.h"
#include "held.h"
#include "options.h"
#include "scheduler.h"
#include "split.h"
#include "wait.h"

static inline void arrive(strand_scheduler *s, struct strand *self, struct strand *came_from)
{
    (void)s, (void)self, (void)came_from;
    strand_sanitizer_arrive(&self->sanitizer,
                            came_from ? &came_from->sanitizer : &s->carrier_sanitizer);
}

static inline void look_at_canary(const struct strand *self)
{
    if (!strand_stack_canary_intact(self->stack_low))
        strand_scheduler_dense_overrun(self);
}

/* Before a strand is left. Where dense ones follow one another their canaries are fetched ahead. */
static inline void leave(const strand_scheduler *s, const struct strand *self)
{
    if (__builtin_expect(self->kind != STRAND_DENSE, 1))
        return;
    const struct strand_ready_queue *queue = &s->ready;
    uint64_t soon = queue->head + STRAND_FETCH_FRAMES;
    look_at_canary(self);
    const struct strand *then = soon < queue->tail ? queue->ring[soon & queue->mask] : self;
    if (then->kind != STRAND_HOSTED)
        __builtin_prefetch(then->stack_low);
}

/*
 * The last thing its callers do, so that the switch is a jump and continues in the strand's own
 * caller: a `return` after a switch is always predicted wrong (the return predictor holds the other
 * strand's calls). That is why the one who leaves sets errno for the one who comes.
 */
static inline void switch_strands(strand_scheduler *s, struct strand *self, struct strand *to)
{
    self->saved_errno = *s->errno_place;
    *s->errno_place = to->saved_errno;
    s->current = to;
    strand_sanitizer_leave(&self->sanitizer, &to->sanitizer, false);
    arrive(s, self, strand_context_switch(&self->context, &to->context, self));
}

static inline void switch_to_carrier(strand_scheduler *s, struct strand *self)
{
    self->saved_errno = *s->errno_place;
    s->current = NULL;
    strand_sanitizer_leave(&self->sanitizer, &s->carrier_sanitizer, false);
    arrive(s, self, strand_context_switch(&self->context, &s->carrier, self));
}

/* The first ready strand, if the switch to it need not go by way of the carrier. */
static inline struct strand *next_directly(const strand_scheduler *s)
{
    uint64_t head = s->ready.head;
    if (head == s->ready.tail || head == s->look_at)
        return NULL;
    struct strand *next = s->ready.ring[head & s->ready.mask];
    return next->kind <= STRAND_DENSE ? next : NULL;
}

static inline void take(strand_scheduler *s, struct strand *next)
{
    strand_ready_drop_first(&s->ready, s->woken_outside);
    strand_move(next, STRAND_READY, STRAND_RUNNING);
}

static __attribute__((noinline)) void leave_to_carrier(strand_scheduler *s, struct strand *self)
{
    switch_to_carrier(s, self);
}

static __attribute__((noinline)) void yield_to_carrier(strand_scheduler *s, struct strand *self)
{
    bool alone = !strand_ready_first(&s->ready) && !strand_scheduler_budget_spent(s);
    strand_ready_append(s, self);
    if (alone)
        take(s, self);
    else
        leave_to_carrier(s, self);
}

/* From or to a dense strand, or to the carrier. */
static __attribute__((noinline)) void yield_slowly(strand_scheduler *s, struct strand *self)
{
    struct strand *next = next_directly(s);
    if (!next) {
        yield_to_carrier(s, self);
        return;
    }
    take(s, next);
    strand_move(self, STRAND_RUNNING, STRAND_READY);
    s->ready.ring[s->ready.tail++ & s->ready.mask] = self;
    leave(s, self);
    switch_strands(s, self, next);
}

/*
 * The calls here are the last thing done, so that nothing is saved on the stack that the switch
 * does not save anyway. The place at the tail is there: one was taken. It begins a cache line: where
 * the linker had put it across one, a yield took 4 % longer.
 */
__attribute__((aligned(64))) STRAND_OPAQUE void strand_scheduler_yield(void)
{
    strand_scheduler *s = strand_held_here;
    if (!s || !s->current)
        return;
    struct strand *self = s->current;
    struct strand_ready_queue *queue = &s->ready;
    struct strand **ring = queue->ring;
    uint64_t head = queue->head, tail = queue->tail, mask = queue->mask;
    struct strand *next = ring[head & mask];
    if (head == tail || head == s->look_at || !strand_hand_over(self, next)) {
        yield_slowly(s, self);
        return;
    }
    strand_ready_fetch(queue, head, tail);
    __atomic_store_n(&queue->head, head + 1, __ATOMIC_RELAXED);
    queue->tail = tail + 1;
    ring[tail & mask] = self;
    switch_strands(s, self, next);
}

__attribute__((noinline)) void strand_scheduler_park(strand_scheduler *s)
{
    struct strand *self = s->current;
    strand_scheduler_flush(s);
    if (strand_armed(self))
        strand_parked(self);
    else
        strand_ready_append(s, self);
    struct strand *next = next_directly(s);
    if (!next) {
        leave_to_carrier(s, self);
        return;
    }
    take(s, next);
    if (next == self)
        return;
    leave(s, self);
    switch_strands(s, self, next);
}

/* Of a strand that ended: its stack, now that nobody stands on it. */
static inline void release_departed(strand_scheduler *s)
{
    struct strand *departed = s->departed;
    if (departed) {
        s->departed = NULL;
        strand_scheduler_release(departed);
    }
}

/* The first frame: what the first switch to a strand brings. */
void strand_context_begin(void *value)
{
    strand_scheduler *s = strand_held_here;
    struct strand *self = s->current;
    arrive(s, self, value);
    strand_entry entry = self->entry;
    self->operation = NULL;
    entry(self->argument);
    strand_scheduler_finish(self);
}

/* The queue is the parent's. */
static void refuse_in_child_of_fork(void)
{
    static const char text[] = "strand: a strand ended in the child of a fork; the child exits\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(EXIT_FAILURE);
}

/*
 * Gives back the stack that it stands on: only the holder takes it again, once it is left, and
 * only a spawn, or a sweep, would write there. Not where there is more to be given back, or to be
 * told of, than one slot of the holder's own pool.
 */
static inline bool release_early(strand_scheduler *s, struct strand *self)
{
    bool more = self->has_extras && (self->extras.segment || self->extras.split);
    return !STRAND_SANITIZED && !self->guest && !more &&
           strand_stack_give(s->stacks, self->size_class, strand_control_top(self));
}

/* Leaves for ever: to the next strand, or (always where sanitizers are told) to the carrier, which
 * then sees to the stack. */
__attribute__((noreturn)) static void depart(strand_scheduler *s, struct strand *self)
{
    struct strand *next = NULL;
    struct strand_context *to = &s->carrier;
    if (__builtin_expect(self->size_class == STRAND_STACK_DENSE, 0))
        look_at_canary(self);      /* again: it has flushed since */
    s->current = NULL;
    if (release_early(s, self))
        next = next_directly(s);
    else
        s->departed = self;
    if (next) {
        take(s, next);
        *s->errno_place = next->saved_errno;
        s->current = next;
        to = &next->context;
    }
    strand_sanitizer_leave(&self->sanitizer, &s->carrier_sanitizer, true);
    strand_context_switch(&self->context, to, self);
    CHECK(!"a finished strand ran again");
    abort();
}

STRAND_OPAQUE void strand_scheduler_finish(struct strand *self)
{
    strand_scheduler *s = strand_held_here;
    if (!s)
        refuse_in_child_of_fork();
    if (self->has_extras) {
        strand_belongings_end(self);
        if (!strand_scheduler_held())      /* it has forked */
            refuse_in_child_of_fork();
    }
    if (__builtin_expect(self->size_class == STRAND_STACK_DENSE, 0))
        look_at_canary(self);      /* while it can be named: its id may go with its table entry */
    strand_scheduler_end(s, self);
    strand_scheduler_flush(s);
    depart(s, self);
}

static void switch_from_carrier(strand_scheduler *s, struct strand *to)
{
    *s->errno_place = to->saved_errno;
    s->current = to;
    strand_sanitizer_leave(&s->carrier_sanitizer, &to->sanitizer, false);
    struct strand *came_from = to->kind == STRAND_SPLIT
                                   ? strand_split_switch(s, to)
                                   : strand_context_switch(&s->carrier, &to->context, NULL);
    strand_sanitizer_arrive(&s->carrier_sanitizer, &came_from->sanitizer);
    if (came_from->size_class == STRAND_STACK_DENSE)
        look_at_canary(came_from);
    release_departed(s);
    s->caller = s->call ? came_from : NULL;
}

void strand_scheduler_run_native(strand_scheduler *s, struct strand *strand)
{
    strand_become(strand, STRAND_RUNNING);
    switch_from_carrier(s, strand);
    while (s->call) {
        void (*fn)(void *) = s->call;
        struct strand *caller = s->caller;
        s->call = NULL;
        fn(s->call_argument);
        switch_from_carrier(s, caller);
    }
}

int strand_scheduler_call_on_carrier(strand_scheduler *s, void (*fn)(void *), void *arg)
{
    s->call = fn;
    s->call_argument = arg;
    switch_to_carrier(s, s->current);
    return 0;
}
