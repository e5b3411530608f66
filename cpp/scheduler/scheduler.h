/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: who runs next.
 *
 *            other threads                         the holder
 *   strand_wake, cancel, spawn, stop      spawn, yield, wake, timers, loop
 *                 |                                    |
 *                 v                                    v
 *            [ inbox ] --- strand_inbox_drain --> [ ready queue ] --> next strand
 *         lock-free push, eventfd                  intrusive FIFO
 *
 * The holder is the one thread that may touch all this just now: the carrier inside run, or the
 * thread to which the carrier's baton was handed (hosted strands on JDK 17). Functions marked
 * "any thread" go through the table and the inbox.
 */
#ifndef STRAND_SCHEDULER_SCHEDULER_H
#define STRAND_SCHEDULER_SCHEDULER_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "control.h"
#include "counter.h"
#include "loop.h"
#include "ready.h"
#include "table.h"
#include "trim.h"
#include "wakefd.h"

/* A binary heap by (deadline, sequence). */
struct strand_timers {
    struct strand_timer **heap;
    size_t count, capacity;
    uint64_t next_sequence;
};

struct strand_inbox {
    struct strand_slot *_Atomic top;   /* last posted first */
    _Atomic uint32_t sleeping;         /* the holder is about to wait in the loop */
    _Atomic uint32_t pushing;          /* posters between their push and the end of their signal */
    _Atomic uint32_t stop_requested;
    struct strand_wakefd wakefd;
    struct strand_loop_watch watch;
};

/* What the room above wants done; set once by it at init. */
struct strand_scheduler_hooks {
    void (*flush)(strand_scheduler *s);        /* a strand parks or ends: let its output go */
    void (*prepare)(struct strand *strand);    /* hosted, in the middle of an operation: its turn */
    void (*leave)(struct strand *strand);      /* hosted, has ended in the middle of an operation */
    void (*close)(strand_scheduler *s);        /* shutdown: release what is attached */
    void (*abandon)(strand_scheduler *s);      /* or only what belongs to the process */
};

/* Who may touch a scheduler just now: nobody in particular, run's caller, a dump's writer. */
enum { STRAND_IDLE, STRAND_HAS_CARRIER, STRAND_BEING_DUMPED };

struct strand_scheduler {
    /* Touched by each switch. */
    struct strand_ready_queue ready;
    struct strand *current;                    /* NULL on the carrier itself */
    uint64_t look_at;                          /* ready.head at which to look outside */
    unsigned flush_due;                        /* io has output, or a line, to look at on a park */
    bool woken_outside;                        /* several of the ready were, by a poll */
    int *errno_place;                          /* of the carrier's thread: strands keep their own */
    struct strand_context carrier;             /* where run's own frames wait while a strand runs */
    struct strand_sanitizer carrier_sanitizer;

    unsigned poll_bound;
    bool stamps_wakes;                         /* for its host, which follows who runs late */

    struct strand_loop *loop;
    struct strand_timers timers;
    int64_t now_ns;                            /* read at each look outside */
    struct strand_inbox inbox;

    struct strand_stack_pool *stacks;          /* the holder's */
    struct strand_stack_pool *guest_stacks;    /* for spawns by other threads, under guest_lock */
    pthread_mutex_t guest_lock;
    struct strand_trim trim;
    struct strand_stack_limit stack_limit;     /* of both pools; 0: none */
    struct strand_slot_cache slots;
    struct strand *spare_hosted;               /* control blocks for the next hosted strands ... */
    struct strand *guest_spares;               /* ... made by other threads, under guest_lock */
    struct strand_list bound;                  /* table entries of its native control blocks ... */
    struct strand_slot *hosted_first;          /* ... and of the hosted ones, mate after mate */
    struct strand_slot *hosted_last;

    _Atomic uint64_t arriving;                 /* spawned elsewhere, on the way through the inbox */
    uint64_t spawned, finished, wakes, remote_wakes, polls, timers_fired, pinned_waits;
    uint64_t parked;
    uint64_t inside;                           /* of these, only another strand can wake them */
    uint64_t unsent;                           /* streams with accepted output not yet with the
                                                  kernel: io counts, run ends only at 0 */
    uint64_t undelivered;                      /* entries that ended while POSTED */
    uint64_t results_kept;

    struct strand *departed;                   /* finished; its stack is left, not yet released */
    void (*call)(void *);                      /* strand_call_on_carrier's request */
    void *call_argument;
    struct strand *caller;

    struct {
        bool armed;                            /* in this run a native strand has had the carrier */
        bool wanted;                           /* by the options */
        bool watched;                          /* this scheduler has asked for the handler */
        struct strand_fault_stack *stack;      /* for handlers on the carrier */
    } overflow;

    int dump_fd;                               /* a dump asked for elsewhere, or -1; guest_lock */
    bool dump_stacks;                          /* the same */
    pthread_cond_t dump_served;

    int64_t stop_deadline_ns;                  /* of the grace period; 0 while not stopping */
    int64_t grace_ns;
    bool grace_spent;                          /* the last run ended by it: shutdown grants none */
    size_t max_strands;
    size_t max_stack_bytes;                    /* of one strand */
    uint64_t segments_linked, segments_freed;
    enum strand_kind native_kind, default_kind;
    unsigned default_class;                    /* of stacks ... */
    struct strand_stack_slots *default_stacks; /* ... of the holder's */
    enum strand_stack_guards guards;
    _Atomic uint32_t running;                  /* STRAND_IDLE, ... */
    uint32_t fork_epoch;                       /* strand_fork_epoch at creation */

    strand_scheduler *next_abandoned;

    struct strand_scheduler_hooks hooks;
    void *attached;                            /* io's part: streams with output, its counters */
};

/* -- create, destroy (lifecycle.c) -- */
int strand_scheduler_create(const struct strand_scheduler_options *options, strand_scheduler **out);
/* Everything has ended. Waits for posters that are on their way. */
void strand_scheduler_destroy(strand_scheduler *s);
/* Some would not end: their ids become stale, and the memory is left alone. 0. */
int strand_scheduler_abandon(strand_scheduler *s);
/* This room's part of the statistics. Any thread. */
void strand_scheduler_count(strand_scheduler *s, struct strand_scheduler_stats *out);

/* -- spawn and end (spawn.c) -- */
/* held: the scheduler whose holder the caller is, or NULL. */
/* -EPERM: neither is there. */
int strand_scheduler_spawn(strand_scheduler *held, strand_scheduler *s,
                           const struct strand_options *options, strand_entry entry, void *argument,
                           strand_id *id);

/* The same without options; quick on the caller's own scheduler. */
int strand_scheduler_spawn_plain(strand_scheduler *s, strand_entry entry, void *argument,
                                 strand_id *id);

/* -- wake, cancel from anywhere (post.c); held as above -- */
int strand_scheduler_wake(strand_scheduler *held, strand_id id);
int strand_scheduler_cancel(strand_scheduler *held, strand_id id);
void strand_scheduler_request_stop(strand_scheduler *s);
/* Makes the holder look outside soon. Any thread. */
void strand_scheduler_nudge(strand_scheduler *s);

/* -- steps (wait.h says what a step is) -- */
int strand_join_step(struct strand *self, strand_id id, int64_t deadline_ns, void **result);
int strand_park_step(struct strand *self, const char *reason, int64_t deadline_ns);
int strand_sleep_step(struct strand *self, int64_t deadline_ns);

/* One wait for a descriptor; lives in the frame of the one who waits. */
struct strand_fd_wait {
    struct strand_loop_watch watch;
    struct strand *strand;
    int fd, own_fd;          /* own_fd: a duplicate where fd itself is watched already, or -1 */
    unsigned events;         /* poll(2)'s */
};
void strand_fd_wait_init(struct strand_fd_wait *wait, struct strand *self, int fd, unsigned events);
int strand_fd_wait_step(struct strand_fd_wait *wait, int64_t deadline_ns);
/* After the last step, whatever it gave. */
void strand_fd_wait_close(struct strand_fd_wait *wait);

/* -- locals and defers (locals.c) -- */
int strand_locals_create_key(void (*destroy)(void *), strand_key *key);
int strand_locals_set(struct strand *self, strand_key key, void *value);
void *strand_locals_get(const struct strand *self, strand_key key);
int strand_deferred_push(struct strand *self, void (*fn)(void *), void *arg);
/* Runs the defers and destroys the locals of a strand with extras. */
void strand_belongings_end(struct strand *self);

/* -- timers (timers.c) -- */
int strand_timers_add(struct strand_timers *timers, struct strand_timer *timer);   /* 0, -ENOMEM */
void strand_timers_remove(struct strand_timers *timers, struct strand_timer *timer);

/* -- run (run.c) -- */
/* The caller becomes the holder: 0, -EBUSY, -EPERM (a holder already, or the child of a fork). */
int strand_scheduler_enter(strand_scheduler *s);
void strand_scheduler_leave(strand_scheduler *s);
/*
 * Native strands run until a hosted one is next (it: RUNNING, in *hosted) or it is over: 0 all have
 * finished or the stop has run its course, -EDEADLK. *hosted is NULL then.
 */
int strand_scheduler_turn(strand_scheduler *s, struct strand **hosted);

/* Current, on this OS thread: never inlined, since an address of thread-local storage must not be
 * kept over a switch. NULL outside. */
strand_scheduler *strand_scheduler_held(void);
void strand_scheduler_hold(strand_scheduler *s);

/* One look outside: inbox, loop, timers; waits when nothing is ready. 1: go on; 0: over;
 * -EDEADLK. */
int strand_scheduler_look_outside(strand_scheduler *s);
/* The same for the sake of one armed strand that cannot leave the carrier: others become ready, but
 * none runs. */
void strand_scheduler_wait_in_place(strand_scheduler *s, const struct strand *strand);

/* -- dump (dump.c) -- */
void strand_scheduler_write_dump(strand_scheduler *s, const char *why, int fd);   /* the holder */
void strand_scheduler_serve_dump(strand_scheduler *s);
void strand_scheduler_dump_from_anywhere(strand_scheduler *held, strand_scheduler *s, int fd,
                                         bool stacks);

/* -- between the files of this room -- */
void strand_inbox_push(strand_scheduler *s, struct strand_slot *slot);
void strand_inbox_drain(strand_scheduler *s);
int strand_scheduler_retry(strand_id id);                     /* any thread: POST_RETRY */
void strand_cancel_here(struct strand *strand);
void strand_wake_here(struct strand *strand);
void strand_arrive(struct strand *strand);                    /* out of the inbox: begins */
void strand_scheduler_adopt(strand_scheduler *s, struct strand *strand);      /* into the living */
void strand_scheduler_end(strand_scheduler *s, struct strand *strand);   /* joiners, counters */
void strand_scheduler_release(struct strand *strand);         /* its memory, once it is left */
void strand_hosted_list(strand_scheduler *s, struct strand *block);    /* once the holder has it */
/* At its strand's end; and, of one that rests, once more when its posts have been taken. */
void strand_hosted_give_block(strand_scheduler *s, struct strand *block);
void strand_hosted_give_entries(strand_scheduler *s);         /* all of them, at the end */
void strand_joiners_wake(struct strand *strand, void *result);
void strand_watchers_wake(strand_scheduler *s, struct strand_slot *slot, strand_id id,
                          void *result);                      /* joiners elsewhere; as it ends */
void strand_join_forget(struct strand *self);
void strand_scheduler_fire_timers(strand_scheduler *s);
void strand_parked(struct strand *strand);                    /* RUNNING -> PARKED, counted */
void strand_unparked(struct strand *strand);                  /* PARKED -> READY, counted, queued */
uint32_t strand_fork_epoch(void);

/* Calls visit for each living strand. It must end none. */
void strand_scheduler_visit(strand_scheduler *s, void (*visit)(struct strand *, void *),
                            void *context);

/* -- for native strands (switch.c) -- */
__attribute__((noreturn)) void strand_scheduler_finish(struct strand *self);
void strand_scheduler_run_native(strand_scheduler *s, struct strand *strand);
int strand_scheduler_call_on_carrier(strand_scheduler *s, void (*fn)(void *), void *arg);
void strand_context_begin(void *value);                       /* a native strand's first frame */
/* Parks the current strand, which has armed a wait; returns when it runs again. */
void strand_scheduler_park(strand_scheduler *s);
void strand_scheduler_yield(void);             /* nothing outside a native strand */

/* Each switch takes one from the ready queue. Any thread: approximate. */
static inline uint64_t strand_scheduler_switches(const strand_scheduler *s)
{
    return strand_counter_read(&s->ready.head);
}

/* So many switches until the next look outside; with strands that found no place in the ring, whose
 * order only the long way keeps, at most one. */
static inline void strand_scheduler_grant(strand_scheduler *s, unsigned switches)
{
    s->look_at = s->ready.head + (s->ready.more_first && switches ? 1 : switches);
}

static inline bool strand_scheduler_budget_spent(const strand_scheduler *s)
{
    return s->ready.head == s->look_at;
}

static inline void strand_ready_append(strand_scheduler *s, struct strand *strand)
{
    strand_become(strand, STRAND_READY);
    if (strand_ready_full(&s->ready)) {
        strand_ready_push_slowly(&s->ready, strand);
        if (s->ready.more_first)
            strand_scheduler_grant(s, 0);
    } else {
        s->ready.ring[s->ready.tail++ & s->ready.mask] = strand;
    }
}

/* Those that live, without the arriving. Any thread: approximate, never below zero. */
static inline uint64_t strand_scheduler_live(const strand_scheduler *s)
{
    uint64_t finished = __atomic_load_n(&s->finished, __ATOMIC_ACQUIRE);
    return strand_counter_read(&s->spawned) - finished;
}

static inline enum strand_kind strand_kind_on(const strand_scheduler *s, unsigned size_class)
{
    return size_class == STRAND_STACK_DENSE && s->native_kind == STRAND_NATIVE ? STRAND_DENSE
                                                                                : s->native_kind;
}

/* 0, -ECANCELED, -EAGAIN. */
static inline int strand_scheduler_may_spawn(strand_scheduler *s)
{
    if (atomic_load_explicit(&s->inbox.stop_requested, memory_order_relaxed))
        return -ECANCELED;
    if (s->max_strands == SIZE_MAX)
        return 0;
    uint64_t arriving = atomic_load_explicit(&s->arriving, memory_order_relaxed);
    return strand_scheduler_live(s) + arriving >= s->max_strands ? -EAGAIN : 0;
}

static inline void strand_scheduler_flush(strand_scheduler *s)
{
    if (s->flush_due)
        s->hooks.flush(s);
}

#endif
