/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control block: what the carrier alone knows of a strand. A native strand's stands at the top
 * of its own stack, so that a small strand costs one page; a hosted strand's (a Java strand: the
 * core keeps its place in the queue, its body runs elsewhere) comes from the heap.
 *
 *   stack high +----------------------+
 *              | struct strand        |   hot fields first: they share cache lines with the
 *              +----------------------+   frames just below
 *              | frames               |
 *   stack low  +----------------------+
 *
 * Only the holder of the scheduler (the thread that runs its strands just now) touches it. What
 * other threads may touch lies in the table (table.h).
 */
#ifndef STRAND_STRAND_CONTROL_H
#define STRAND_STRAND_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strand/strand.h>

#include "check.h"
#include "context.h"
#include "list.h"
#include "sanitizer.h"
#include "stack.h"

enum strand_state {
    STRAND_NEW,        /* spawned by another thread, on its way through the inbox */
    STRAND_READY,      /* in the ready queue; the stack is idle */
    STRAND_RUNNING,    /* on the carrier */
    STRAND_PARKED,     /* waits; `wait` says for what */
    STRAND_FINISHED,   /* has ended; the stack goes back once it is left */
};

/* STRAND_SPLIT: native, in a program with code built by -fsplit-stack (scheduler's split.h). */
enum strand_kind { STRAND_NATIVE, STRAND_HOSTED, STRAND_SPLIT };

/* A deadline in the scheduler's timers. */
struct strand_timer {
    int64_t deadline_ns;
    uint64_t sequence;                            /* equal deadlines: in the order they were set */
    size_t place;                                 /* in the heap; SIZE_MAX while not set */
    void (*fire)(struct strand_timer *timer);
};

/* What a strand waits for. Valid while armed. */
struct strand_wait {
    const char *reason;                           /* static storage, reads well in a dump */
    struct strand_link link;                      /* in the queue waited in, if any */
    struct strand_list *queue;
    struct strand_timer timer;
    int64_t since_ns;                             /* of the loop's clock */
    uint8_t armed;
    uint8_t inside;                               /* only another strand can end it: for deadlock */
    uint8_t bare;                                 /* strand_park: strand_wake ends it */
};

struct strand_deferred {
    struct strand_deferred *next;
    void (*fn)(void *);
    void *arg;
};

struct strand {
    /* Touched by each switch. */
    struct strand_context context;                /* native; valid while not running */
    struct strand *next;                          /* in the ready queue */
    uint8_t state;                                /* enum strand_state; see strand_become */
    uint8_t kind;
    uint8_t permit;                               /* a wake that came before its park */
    uint8_t cancelled;                            /* a cancel not yet met */
    uint8_t deferring;                            /* in its defers: cancels are not met */
    uint8_t unpark;                               /* hosted: made ready by the core, not its host */
    int saved_errno;                              /* valid while not running */
    strand_scheduler *scheduler;
    strand_id id;

    struct strand_wait wait;
    void *operation;                              /* io: what the step to be repeated works on */
    struct strand_list joiners;                   /* strands of this scheduler that wait for it */
    strand_id joined;                             /* the strand whose end ended its join ... */
    void *joined_result;                          /* ... and the result, until asked again */
    struct strand_watch *watch;                   /* a join elsewhere (join.c) */
    struct strand_link all;                       /* in the scheduler's list of the living */
    struct strand_deferred *deferred;
    void **locals;
    uint32_t local_count;
    strand_entry entry;
    void *argument;
    void *result;
    struct strand_stack stack;                    /* native */
    struct strand_segment *segment;               /* the innermost one linked; NULL: on `stack` */
    size_t max_stack_bytes;                       /* of all segments; 0: the scheduler's limit */
    void **split;                                 /* STRAND_SPLIT, once begun: libgcc's words */
    struct strand_sanitizer sanitizer;
    char name[STRAND_NAME_BYTES];
};

/* What it takes at the top of a stack, however it is aligned there. */
#define STRAND_CONTROL_PLACE_BYTES (sizeof(struct strand) + 64)

/* Blank block of a kind: no wait, no joiners, no name. The state is NEW. */
void strand_control_init(struct strand *strand, enum strand_kind kind, strand_scheduler *scheduler);

/*
 * The one place where a state changes. What it may come from:
 *
 *   NEW, RUNNING, PARKED -> READY       spawn, yield, wake
 *   READY                -> RUNNING     given the carrier
 *   RUNNING              -> PARKED
 *   RUNNING              -> FINISHED
 */
#define STRAND_FROM(state) (1u << (state))

static inline void strand_become(struct strand *strand, enum strand_state state)
{
    static const uint8_t may_come_from[] = {
        [STRAND_NEW] = 0,
        [STRAND_READY] =
            STRAND_FROM(STRAND_NEW) | STRAND_FROM(STRAND_RUNNING) | STRAND_FROM(STRAND_PARKED),
        [STRAND_RUNNING] = STRAND_FROM(STRAND_READY),
        [STRAND_PARKED] = STRAND_FROM(STRAND_RUNNING),
        [STRAND_FINISHED] = STRAND_FROM(STRAND_RUNNING),
    };
    CHECK(may_come_from[state] & STRAND_FROM(strand->state));
    strand->state = (uint8_t)state;
}

const char *strand_state_name(enum strand_state state);

#endif
