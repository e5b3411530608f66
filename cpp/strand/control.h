/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control block: what the carrier alone knows of a strand. A native strand's stands at the top
 * of its own stack, so that a small strand costs one page; a hosted strand's (a Java strand: the
 * core keeps its place in the queue, its body runs elsewhere) stands in its table entry and is only
 * the beginning of the structure.
 *
 *   stack high +----------------------+
 *              | struct strand        |   hot fields first: they share cache lines with the
 *              +----------------------+   frames just below
 *              | frames               |
 *   stack low  +----------------------+
 *
 * Only the holder of the scheduler (the thread that runs its strands just now) touches it, and
 * before it arrives the thread that spawned it. What other threads may touch lies in the table
 * (table.h).
 */
#ifndef STRAND_STRAND_CONTROL_H
#define STRAND_STRAND_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
    STRAND_FINISHED,   /* has ended; the stack goes back as it is left */
};

/* Up to DENSE a strand switches straight to another. */
enum strand_kind {
    STRAND_NATIVE,
    STRAND_DENSE,      /* native, on a dense stack: whoever leaves one looks at its canary */
    STRAND_SPLIT,      /* native, in a program of split stacks (scheduler's split.h) */
    STRAND_HOSTED,
};

/* A deadline in the scheduler's timers. */
struct strand_timer {
    int64_t deadline_ns;
    uint64_t sequence;                            /* equal deadlines: in the order they were set */
    size_t place;                                 /* in the heap; SIZE_MAX while not set */
    void (*fire)(struct strand_timer *timer);
};

/* What a strand waits for; filled in whole when it is armed, valid until it is disarmed. */
struct strand_wait {
    struct strand *strand;                        /* whose it is */
    const char *reason;                           /* static storage, reads well in a dump */
    struct strand_link link;                      /* in `queue` */
    struct strand_list *queue;                    /* waited in, or NULL */
    int64_t since_ns;                             /* of the loop's clock; once it is over, and
                                                     with stamps_wakes, when it ended */
    struct strand_timer timer;
};

/* struct strand's `waits`: 0 while not armed. */
enum {
    STRAND_ARMED = 1,
    STRAND_INSIDE = 2,      /* only another strand can end it: for deadlock */
    STRAND_BARE = 4,        /* strand_park: strand_wake ends it */
    STRAND_QUEUED = 8,      /* stands in wait.queue */
    STRAND_TIMED = 16,      /* its timer is set */
};

struct strand_deferred {
    struct strand_deferred *next;
    void (*fn)(void *);
    void *arg;
};

/* What most strands never have. Valid once `has_extras` is set; strand_extras sees to it. */
struct strand_extras {
    struct strand_list joiners;                   /* strands of this scheduler that wait for it */
    strand_id joined;                             /* the strand whose end ended its join ... */
    void *joined_result;                          /* ... and the result, until asked again */
    struct strand_watch *watch;                   /* a join elsewhere (join.c) */
    struct strand_deferred *deferred;
    void **locals;
    uint32_t local_count;
    void *result;
    struct strand_segment *segment;               /* the innermost one linked; NULL: the first */
    size_t max_stack_bytes;                       /* of all segments; 0: the scheduler's limit */
    void **split;                                 /* STRAND_SPLIT, once begun: libgcc's words */
    char name[STRAND_NAME_BYTES];
};

/* A hosted strand's wait and extras, from the heap when it first needs either: most of them wait in
 * their host alone. It stays with the block. */
struct strand_more {
    struct strand_wait wait;
    struct strand_extras extras;
};

/*
 * The first line is all that a spawn, a switch and an end touch of a plain strand. A block in a
 * pool keeps its id: the table entry is bound to it and serves the next strand there (table.h); 0:
 * none.
 */
struct strand {
    /* In a hosted block these three are what struct strand_slot says. */
    strand_scheduler *scheduler;                  /* a block in a pool is its scheduler's */
    void *argument;                               /* native */
    strand_id id;
    union {
        strand_entry entry;                       /* native, until it begins */
        void *operation;                          /* io: what the step to be repeated works on;
                                                     NULL at a strand's begin and end */
        struct strand *spare;                     /* hosted, in a chain of spare blocks: the next */
    };
    union {
        struct {
            uint8_t state;                        /* enum strand_state; see strand_become */
            uint8_t kind;
        };
        struct strand_phase {
            uint8_t state, kind;
        } phase;                                  /* both at once: strand_hand_over */
    };
    uint8_t waits;                                /* STRAND_ARMED, ... */
    uint8_t permit;                               /* a wake that came before its park */
    uint8_t cancelled;                            /* a cancel not yet met */
    uint8_t deferring;                            /* in its defers: cancels are not met */
    uint8_t unpark;                               /* hosted: made ready by the core, not its host */
    uint8_t has_extras;
    union {
        int saved_errno;                          /* native; valid while not running */
        uint32_t after;                           /* hosted, as `next`: an entry's number */
    };
    uint8_t known;                                /* somebody has the id: see strand_reveal */
    uint8_t size_class;                           /* native: its stack's */
    uint8_t guest;                                /* made by another thread: the stack came from
                                                     guest_stacks, a hosted block goes back to
                                                     guest_spares */
    uint8_t listed;                               /* hosted: stands in its scheduler's list */
    union {
        struct strand_context context;            /* native; valid while not running */
        struct strand_more *more;                 /* hosted; NULL: none yet; its block ends here */
    };
    char *stack_low;                              /* NULL in a block never used */

    struct strand_wait wait;                      /* strand_wait_of */
    struct strand *next;                          /* ready queue's overflow */
    struct strand_stack stack;
    struct strand_sanitizer sanitizer;
    struct strand_extras extras;                  /* strand_extras, strand_known_extras */
};
#define STRAND_HOSTED_BYTES (offsetof(struct strand, more) + sizeof(struct strand_more *))
/* Where a hosted strand's block begins in its table entry. */
enum { STRAND_HOSTED_PLACE = 8 };

/* What it takes at the top of a stack, which is a multiple of 64. */
#define STRAND_CONTROL_PLACE_BYTES ((sizeof(struct strand) + 63) & ~(size_t)63)

/* Where it stands on the stack with this top; the frames lie below it. */
static inline struct strand *strand_control_at(char *top)
{
    return (struct strand *)(top - STRAND_CONTROL_PLACE_BYTES);
}

static inline char *strand_control_top(struct strand *strand)
{
    return (char *)strand + STRAND_CONTROL_PLACE_BYTES;
}

_Static_assert(STRAND_NEW == 0, "strand_control_init");

/* Blank block of a kind. The state is NEW; whose it is and the id are what they were. */
static inline void strand_control_init(struct strand *strand, enum strand_kind kind)
{
    const size_t begin = offsetof(struct strand, state);
    memset((char *)strand + begin, 0, offsetof(struct strand, size_class) - begin);
    strand->kind = (uint8_t)kind;
}

/* Its id, for somebody: from now on any thread may come with it. */
static inline strand_id strand_reveal(struct strand *strand)
{
    strand->known = 1;
    return strand->id;
}

static inline bool strand_armed(const struct strand *strand)
{
    return strand->waits & STRAND_ARMED;
}

/* Of one that has been armed, if it is hosted. */
static inline struct strand_wait *strand_wait_of(struct strand *strand)
{
    return strand->kind == STRAND_HOSTED ? &strand->more->wait : &strand->wait;
}

/* Of one that has extras. */
static inline struct strand_extras *strand_known_extras(struct strand *strand)
{
    return strand->kind == STRAND_HOSTED ? &strand->more->extras : &strand->extras;
}

/* Its extras, blank at the first call; NULL, of a hosted strand only: no memory. */
struct strand_extras *strand_extras(struct strand *strand);

/* Sees to a place for them, and for a wait; false: no memory. */
bool strand_make_more(struct strand *strand);

/* "" for none. */
static inline const char *strand_name(const struct strand *strand)
{
    if (!strand->has_extras)
        return "";
    return strand->kind == STRAND_HOSTED ? strand->more->extras.name : strand->extras.name;
}

/*
 * The one place where a state changes. What it may come from:
 *
 *   NEW, RUNNING, PARKED -> READY       spawn, yield, wake
 *   READY                -> RUNNING     given the carrier
 *   RUNNING              -> PARKED
 *   RUNNING              -> FINISHED
 */
#define STRAND_FROM(state) (1u << (state))

static inline unsigned strand_may_come_from(enum strand_state state)
{
    switch (state) {
    case STRAND_NEW:
        return 0;
    case STRAND_READY:
        return STRAND_FROM(STRAND_NEW) | STRAND_FROM(STRAND_RUNNING) | STRAND_FROM(STRAND_PARKED);
    case STRAND_RUNNING:
        return STRAND_FROM(STRAND_READY);
    case STRAND_PARKED:
    case STRAND_FINISHED:
        return STRAND_FROM(STRAND_RUNNING);
    }
    return 0;
}

static inline void strand_become(struct strand *strand, enum strand_state state)
{
    CHECK(strand_may_come_from(state) & STRAND_FROM(strand->state));
    strand->state = (uint8_t)state;
}

/* The same from one certain state: with constants a compare and a store. */
static inline void strand_move(struct strand *strand, enum strand_state from,
                               enum strand_state to)
{
    CHECK(strand->state == from && strand_may_come_from(to) & STRAND_FROM(from));
    strand->state = (uint8_t)to;
}

/*
 * Both plain (on stacks with guards, of a program without split stacks), self hands the carrier to
 * next and waits behind it: both states change, or, where either is not what it should be, none
 * does. State and kind are read and written as one word: a read of what was written by halves just
 * before waits until the halves have left the store queue.
 */
static inline bool strand_hand_over(struct strand *self, struct strand *next)
{
    const struct strand_phase ready = {STRAND_READY, STRAND_NATIVE};
    const struct strand_phase running = {STRAND_RUNNING, STRAND_NATIVE};
    if (memcmp(&next->phase, &ready, sizeof ready) != 0 ||
        memcmp(&self->phase, &running, sizeof running) != 0)
        return false;
    next->phase = running;
    self->phase = ready;
    return true;
}

const char *strand_state_name(enum strand_state state);

#endif
