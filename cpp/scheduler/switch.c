/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native strands leave and take the carrier here. A strand that leaves switches straight to the
 * next ready native strand; to the carrier's own frames (run.c) only when there is none, when the
 * next is hosted, when it is time to look outside, or when it has ended.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attributes.h"
#include "held.h"
#include "scheduler.h"
#include "split.h"
#include "wait.h"

static inline void arrive(strand_scheduler *s, struct strand *self, struct strand *came_from)
{
    (void)s, (void)self, (void)came_from;
    strand_sanitizer_arrive(&self->sanitizer,
                            came_from ? &came_from->sanitizer : &s->carrier_sanitizer);
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

/*
 * What the strand after the next will need: its saved registers and the frames above them. Its
 * block was fetched one turn ago, as the `next` of the strand then after the next.
 */
static inline void prefetch(const struct strand *after)
{
    const char *sp = strand_context_sp(&after->context);
    __builtin_prefetch(sp);
    __builtin_prefetch(sp + 64);
    __builtin_prefetch(sp + 128);
    __builtin_prefetch(after->next);
}

/* `self` stands where it belongs (the queue's tail, or parked). Returns when it runs again. */
static inline void leave(strand_scheduler *s, struct strand *self)
{
    struct strand *next = s->ready.first;
    if (!next || next->kind != STRAND_NATIVE || s->budget == 0) {
        switch_to_carrier(s, self);
        return;
    }
    strand_ready_take(s);
    if (s->ready.first)
        prefetch(s->ready.first);
    strand_become(next, STRAND_RUNNING);
    s->budget--;
    strand_counter_add(&s->switches, 1);
    if (next == self)
        return;
    switch_strands(s, self, next);
}

STRAND_OPAQUE void strand_scheduler_yield(void)
{
    strand_scheduler *s = strand_held_here;
    if (!s || !s->current)
        return;
    struct strand *self = s->current;
    strand_ready_append(s, self);
    leave(s, self);
}

__attribute__((noinline)) void strand_scheduler_park(strand_scheduler *s)
{
    struct strand *self = s->current;
    if (s->hooks.flush)
        s->hooks.flush(s);
    if (self->wait.armed)
        strand_parked(self);
    else
        strand_ready_append(s, self);
    leave(s, self);
}

/* The first frame: what the first switch to a strand brings. */
void strand_context_begin(void *value)
{
    strand_scheduler *s = strand_held_here;
    struct strand *self = s->current;
    arrive(s, self, value);
    self->entry(self->argument);
    strand_scheduler_finish(self->scheduler, self);
}

/* Ends the child of a fork whose strand comes to its end there: the queue is the parent's. */
static void refuse_in_child_of_fork(const strand_scheduler *s)
{
    if (s->fork_epoch == strand_fork_epoch())
        return;
    static const char text[] = "strand: a strand ended in the child of a fork; the child exits\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(EXIT_FAILURE);
}

void strand_scheduler_finish(strand_scheduler *s, struct strand *self)
{
    refuse_in_child_of_fork(s);
    do {
        strand_deferred_run(self);
        strand_locals_destroy(self);
    } while (self->deferred);      /* by a local's destructor */
    strand_scheduler_end(self);
    s->departed = self;
    s->current = NULL;
    if (s->hooks.flush)
        s->hooks.flush(s);
    strand_sanitizer_leave(&self->sanitizer, &s->carrier_sanitizer, true);
    strand_context_switch(&self->context, &s->carrier, self);
    CHECK(!"a finished strand ran again");
    abort();
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
    if (s->departed) {
        strand_scheduler_release(s->departed);
        s->departed = NULL;
    }
    s->caller = s->call ? came_from : NULL;
}

void strand_scheduler_run_native(strand_scheduler *s, struct strand *strand)
{
    strand_become(strand, STRAND_RUNNING);
    strand_counter_add(&s->switches, 1);
    if (s->budget)
        s->budget--;
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
