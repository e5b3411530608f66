/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growth of a strand's stack by linked segments. The first segment is the stack the strand began
 * on; each further one is a slot of the carrier's pool, entered by strand_call and given back when
 * the call returns, or when the strand has ended inside it.
 *
 *   slot high  +------------------------+
 *              | room for a control     |   not touched: there a slot's next strand has its block,
 *              | block                  |   and whoever begins one counts on what it finds there
 *              +------------------------+
 *              | struct strand_segment  |   where the caller waits, the segment before this one
 *              +------------------------+
 *              | frames                 |
 *   slot low   +------------------------+
 *
 * The carrier's, as all of a strand. Its extras' `segment` is the innermost one; NULL: the first.
 */
#ifndef STRAND_SCHEDULER_SEGMENTS_H
#define STRAND_SCHEDULER_SEGMENTS_H

#include "scheduler.h"
#include "split.h"

struct strand_segment {
    struct strand_context outer_context;     /* where strand_call waits while fn runs */
    struct strand_context context;           /* of the first frame here */
    struct strand_segment *outer;            /* NULL: the first */
    struct strand *strand;
    struct strand_stack stack;
    size_t strand_bytes;                     /* usable bytes of the strand's segments, up to this */
    struct strand_sanitizer sanitizer;       /* the outer one's while fn runs here */
    void (*fn)(void *);
    void *arg;
    void *split[STRAND_SPLIT_WORDS];         /* of STRAND_SPLIT; valid while not running */
};

/* libgcc's words for where a strand stands; NULL: not of STRAND_SPLIT, or not begun. */
void **strand_segments_split(const struct strand *strand);

/* What linking a segment itself takes of the stack that is nearly full, sanitizers' part
 * included. */
#if defined(STRAND_ASAN) || defined(STRAND_TSAN)
#define STRAND_LINK_BYTES ((size_t)4096)
#else
#define STRAND_LINK_BYTES ((size_t)1024)
#endif

/* The innermost one linked, or NULL. */
static inline struct strand_segment *strand_segments_inner(const struct strand *self)
{
    return self->has_extras ? self->extras.segment : NULL;
}

/* The stack it stands on. */
static inline const struct strand_stack *strand_segments_stack(const struct strand *self)
{
    const struct strand_segment *segment = strand_segments_inner(self);
    return segment ? &segment->stack : &self->stack;
}

/* Its lowest address; of the first segment without a look beyond the block's first line. */
static inline const char *strand_segments_low(const struct strand *self)
{
    const struct strand_segment *segment = strand_segments_inner(self);
    return segment ? segment->stack.low : self->stack_low;
}

/* Bytes below `here`, a place in the current segment of the strand that runs. */
static inline size_t strand_segments_remaining(const struct strand *self, const void *here)
{
    const char *low =
        self->kind == STRAND_SPLIT ? strand_split_low() : strand_segments_low(self);
    return (const char *)here > low ? (size_t)((const char *)here - low) : 0;
}

/* Whether there is room for `size_bytes` and, after them, for linking. */
static inline bool strand_segments_fit(const struct strand *self, const void *here,
                                       size_t size_bytes)
{
    size_t remaining = strand_segments_remaining(self, here);
    return remaining >= STRAND_LINK_BYTES && remaining - STRAND_LINK_BYTES >= size_bytes;
}

/* Runs fn(arg) on a further segment with at least size_bytes: 0; -ENOMEM, -EAGAIN. The strand that
 * runs. */
int strand_segments_call(struct strand *self, size_t size_bytes, void (*fn)(void *), void *arg);

/* Gives everything back that an ended strand, now left, was inside of. */
void strand_segments_release(struct strand *strand);

/* Visits what a strand that is not running can reach by itself: its frames with the saved
 * registers, its control block, its locals and defers. */
void strand_segments_walk(const struct strand *strand, strand_range_visitor visit, void *context);
/* The same of the one that runs, from this call on. */
void strand_segments_walk_self(const struct strand *self, strand_range_visitor visit,
                               void *context);

#endif
