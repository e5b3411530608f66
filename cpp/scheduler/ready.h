/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ready queue: strictly first in, first out. Only the holder touches it.
 *
 *   ring  [ . . . | head ... the ready ... tail | . . . ]      power of two places, grown on demand,
 *                                                              and given back once it is empty
 *   more  -> strand -> strand                                  only while no memory was had to grow
 *
 * A ring of pointers and not a chain through the strands: a chain is walked at one cache miss a
 * strand, while a ring shows who comes next but one, four or eight, so that many misses overlap (at
 * 1,000,000 strands a yield took 148 ns with the chain and takes 69 with the ring, in one run). An
 * append never fails: with no memory for a larger ring the chain takes what is over, until the ring
 * has run down.
 */
#ifndef STRAND_SCHEDULER_READY_H
#define STRAND_SCHEDULER_READY_H

#include "control.h"
#include "fetch.h"

struct strand_ready_queue {
    struct strand **ring;
    uint64_t head, tail;      /* taken and appended so far; a place is the count & mask */
    uint64_t mask;            /* places in use - 1 */
    size_t capacity;          /* places there are */
    struct strand *more_first, *more_last;
};

/* -ENOMEM. */
int strand_ready_init(struct strand_ready_queue *queue);
void strand_ready_close(struct strand_ready_queue *queue);

/* Lets strands out of `more` into the ring; a large one that is empty shrinks. At each look
 * outside. */
void strand_ready_refill(struct strand_ready_queue *queue);

/* Appends to a full ring, or behind `more`. */
void strand_ready_push_slowly(struct strand_ready_queue *queue, struct strand *strand);

static inline bool strand_ready_full(const struct strand_ready_queue *queue)
{
    return queue->tail - queue->head > queue->mask || queue->more_first;
}

/* NULL when empty; it stays. */
static inline struct strand *strand_ready_first(const struct strand_ready_queue *queue)
{
    return queue->head == queue->tail ? NULL : queue->ring[queue->head & queue->mask];
}

/* How many places ahead is fetched: the block, and, when that has come, what it points to. */
enum { STRAND_FETCH_BLOCK = 12, STRAND_FETCH_FRAMES = 6 };

/* Fetches what the next ones will need, of a queue longer than that: the block of one far ahead,
 * the saved registers (and the frames above them) of a nearer one, whose block has come meanwhile.
 * Always inlined: to gcc a function that only fetches does nothing, and goes. */
static inline __attribute__((always_inline)) void
strand_ready_fetch(const struct strand_ready_queue *queue, uint64_t head, uint64_t tail)
{
    uint64_t far = head + STRAND_FETCH_BLOCK;
    if (far >= tail)
        return;
    uint64_t near = far - (STRAND_FETCH_BLOCK - STRAND_FETCH_FRAMES);
    const struct strand *soon = queue->ring[near & queue->mask];
    /* A hosted strand has no context: one of a single word is its `more`, fetched in vain; a larger
     * one would be read beyond its block. */
    bool beyond = sizeof soon->context > sizeof soon->more && soon->kind == STRAND_HOSTED;
    uintptr_t sp = beyond ? 0 : (uintptr_t)strand_context_sp(&soon->context);
    strand_fetch((uintptr_t)queue->ring[far & queue->mask], STRAND_CACHE_LINE);
    strand_fetch(sp, 2 * STRAND_CACHE_LINE);
}

/* The same for strands that wait in operations: what one does between two waits takes long, and
 * most of it is the kernel's, which has then filled the nearest caches. So the next one is fetched,
 * with what it waited in, and the block of the one behind it. */
enum {
    STRAND_FETCH_OPERATION_BYTES = 256,
    STRAND_FETCH_BELOW_BYTES = 320,
    STRAND_FETCH_ABOVE_BYTES = 256,
    STRAND_FETCH_CONTROL_BYTES = 128,
};

static inline __attribute__((always_inline)) void
strand_ready_fetch_next(const struct strand_ready_queue *queue, uint64_t head, uint64_t tail)
{
    if (head + 2 >= tail)
        return;
    const struct strand *next = queue->ring[(head + 1) & queue->mask];
    strand_fetch((uintptr_t)next->operation, STRAND_FETCH_OPERATION_BYTES);
    if (next->kind == STRAND_HOSTED)
        strand_fetch((uintptr_t)next->more, STRAND_FETCH_CONTROL_BYTES);
    else
        strand_fetch((uintptr_t)strand_context_sp(&next->context) - STRAND_FETCH_BELOW_BYTES,
                     STRAND_FETCH_BELOW_BYTES + STRAND_FETCH_ABOVE_BYTES);
    strand_fetch((uintptr_t)queue->ring[(head + 2) & queue->mask], STRAND_FETCH_CONTROL_BYTES);
}

/* Takes the first, which there is; woken_outside: the next ones waited in operations. */
static inline void strand_ready_drop_first(struct strand_ready_queue *queue, bool woken_outside)
{
    uint64_t head = queue->head;
    if (woken_outside)
        strand_ready_fetch_next(queue, head, queue->tail);
    else
        strand_ready_fetch(queue, head, queue->tail);
    __atomic_store_n(&queue->head, head + 1, __ATOMIC_RELAXED);
}

#endif
