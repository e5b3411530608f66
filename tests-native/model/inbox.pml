/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inbox and the carrier's sleep (cpp/scheduler/post.c, run.c; cpp/platform/wakefd_linux.c):
 * POSTERS threads wake the strands of ENTRIES table entries, another thread or a signal handler asks
 * for a stop, and the carrier looks, sleeps, and looks again. Each step is one atomic access of the
 * C code, all of them sequentially consistent there; a label or an inline is named for the function
 * it stands for.
 *
 * Proven, for every interleaving: no wake is lost and no stop missed, else the carrier would stay in
 * its sleep, which is an invalid end state; and no entry is pushed while it is on the stack (the
 * assertion), which would tie the stack into a ring.
 *
 * Each of these breaks the protocol, and spin must find it:
 *
 *   BROKEN_LOOK_THEN_FLAG     the carrier looks into the inbox before it says that it will sleep
 *   BROKEN_SIGNAL_THEN_PUSH   a poster looks whether the carrier sleeps before it pushes
 *   BROKEN_STOP_THEN_SIGNAL   a stop is signalled before it is stored
 *   BROKEN_POST_IN_TWO        a post is not one atomic step: bits and POSTED
 *   BROKEN_NO_SECOND_LOOK     the carrier says that it will sleep, and does, without another look
 */
#ifndef POSTERS
#define POSTERS 3
#endif
#define ENTRIES 2

/* struct strand_inbox. */
bool pushed[ENTRIES];            /* in the lock-free stack `top` */
byte in_stack;
bool sleeping, stop_requested;
byte eventfd;                    /* its counter */

/* struct strand_slot's word of each entry. */
bool posted[ENTRIES], wake_bit[ENTRIES];
byte posts;                      /* made so far */
bool stop_begun;

inline push(entry)
{
    atomic { assert(!pushed[entry]); pushed[entry] = true; in_stack++ }
}

/* Two posters may come for the same entry: then one of them pushes for both. */
inline strand_slot_post(entry, must_push)
{
#ifdef BROKEN_POST_IN_TWO
    must_push = !posted[entry];
    atomic { posted[entry] = true; wake_bit[entry] = true; posts++ }
#else
    atomic { must_push = !posted[entry]; posted[entry] = true; wake_bit[entry] = true; posts++ }
#endif
}

inline strand_wakefd_signal()
{
    eventfd = 1      /* readable from now on; how often does not matter */
}

proctype poster(byte entry)
{
    bool must_push, asleep;

post_or_do:
    strand_slot_post(entry, must_push);
    if
    :: !must_push -> goto end
    :: else
    fi;

strand_inbox_push:
#ifdef BROKEN_SIGNAL_THEN_PUSH
    asleep = sleeping;
    if
    :: asleep -> sleeping = false; strand_wakefd_signal()
    :: else
    fi;
    push(entry);
#else
    push(entry);
    asleep = sleeping;
    if
    :: asleep ->
        atomic { asleep = sleeping; sleeping = false };      /* the exchange: one of us signals */
        if
        :: asleep -> strand_wakefd_signal()
        :: else
        fi
    :: else
    fi;
#endif
end: skip
}

proctype stopper()
{
strand_scheduler_request_stop:
#ifdef BROKEN_STOP_THEN_SIGNAL
    strand_wakefd_signal();
    stop_requested = true;
#else
    stop_requested = true;
    strand_wakefd_signal();
#endif
}

/* The whole stack is taken at once; then what was posted is taken entry by entry. */
inline strand_inbox_drain()
{
    d_step {
        i = 0;
        do
        :: i < ENTRIES -> taken[i] = pushed[i]; pushed[i] = false; i++
        :: else -> break
        od;
        in_stack = 0
    };
    i = 0;
    do
    :: i < ENTRIES && taken[i] ->
        atomic {                                             /* strand_slot_take_posts */
            posted[i] = false; wake_bit[i] = false; taken[i] = false
        };
        i++
    :: i < ENTRIES && !taken[i] -> i++
    :: else -> break
    od
}

#define nothing_owed (posts == POSTERS && !wake_bit[0] && !wake_bit[1])

active proctype carrier()
{
    byte i;
    bool taken[ENTRIES];
    bool news;

strand_scheduler_look_outside:
    /* gather */
    if
    :: stop_requested && !stop_begun -> stop_begun = true
    :: else
    fi;
    strand_inbox_drain();
    if
    :: nothing_owed && stop_begun -> goto over
    :: else
    fi;

wait_outside:
#ifdef BROKEN_LOOK_THEN_FLAG
    news = in_stack > 0 || (stop_requested && !stop_begun);
    sleeping = true;
#elif defined(BROKEN_NO_SECOND_LOOK)
    sleeping = true;
    news = false;
#else
    sleeping = true;
    /* outside_has_news: two looks, one after the other */
    news = in_stack > 0;
    if
    :: !news -> news = stop_requested && !stop_begun
    :: else
    fi;
#endif
    if
    :: !news ->
strand_loop_poll:
        eventfd > 0;                                         /* blocks */
inbox_ready:
        eventfd = 0                                          /* strand_wakefd_drain */
    :: else
    fi;
    sleeping = false;
    goto strand_scheduler_look_outside;

over: skip
}

init {
    byte n;
    atomic {
        n = 0;
        do
        :: n < POSTERS -> run poster(n % ENTRIES); n++
        :: else -> break
        od;
        run stopper()
    }
}
