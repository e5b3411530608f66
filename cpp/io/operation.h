/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps on streams and listeners have in common.
 *
 * An object outlives its closing while strands are in the middle of an operation on it: each was
 * given -EAGAIN and will repeat its step, on memory that must still be there to say -EBADF.
 *
 * A turn lets one strand at a time do something; the others stand in its queue, first come, first
 * served:
 *
 *   queue: C, B  -->  holder: A (its id; perhaps in `waiting`, for the descriptor)  -->  leaves
 */
#ifndef STRAND_IO_OPERATION_H
#define STRAND_IO_OPERATION_H

#include <errno.h>

#include "scheduler.h"
#include "wait.h"

struct strand_object {
    unsigned users;                            /* strands in the middle of an operation */
    bool closed;
    void (*release)(struct strand_object *);   /* frees it; called once it is closed and unused */
    /* A hosted strand in the middle of an operation on it has its turn, and is not armed: what its
     * host would call down for may be done at once. NULL: nothing. */
    void (*prepare)(struct strand_object *, struct strand *);
};

/* self was given -EAGAIN and will be back. Returns -EAGAIN. */
int strand_operation_repeats(struct strand *self, struct strand_object *object);
/* self is done, with whatever result. The object may be gone afterwards. Most calls are done at
 * once and were never in the middle of anything. */
void strand_operation_leave(struct strand *self);
static inline void strand_operation_end(struct strand *self)
{
    if (self->operation)
        strand_operation_leave(self);
}
void strand_object_release_unused(struct strand_object *object);

/*
 * Whether a wait would end before any event could come: a cancel is pending, or the deadline past.
 * A descriptor that has said "not now" need not be asked again before a wait, but it is before
 * that.
 */
static inline bool strand_wait_is_over(const struct strand *self, int64_t deadline_ns)
{
    return self->cancelled || deadline_ns <= self->scheduler->now_ns;
}

struct strand_turn {
    strand_id holder;                          /* 0: nobody, and then the queue is empty */
    struct strand_list queue;
    struct strand_list waiting;                /* the holder, when it waits for the descriptor */
};

void strand_turn_init(struct strand_turn *turn);

static inline bool strand_turn_free(const struct strand_turn *turn)
{
    return turn->holder == 0;
}

/* 0: self is the holder. Else as strand_wait_arm. */
int strand_turn_enter(struct strand *self, struct strand_turn *turn, const char *reason,
                      int64_t deadline_ns);
/* Queues, behind whoever has the turn. */
int strand_turn_queue(struct strand *self, struct strand_turn *turn, const char *reason,
                      int64_t deadline_ns);
/* The turn goes to the first of the queue, who is woken. */
void strand_turn_pass(struct strand_turn *turn);
/* If self is the holder. */
void strand_turn_leave(struct strand *self, struct strand_turn *turn);
/* Wakes everyone, who will find the object closed. */
void strand_turn_break(struct strand_turn *turn);

#endif
