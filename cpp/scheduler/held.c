/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which scheduler this OS thread holds. In a file of its own and never inlined: a strand may one day
 * resume on another thread, and a thread-local address that the compiler kept over the switch would
 * then be the old thread's.
 */
#include <errno.h>
#include <pthread.h>

#include "scheduler.h"

/* initial-exec: one load instead of a call from a shared library; the pointer fits in the space that
 * every libc keeps for libraries loaded late. */
static _Thread_local strand_scheduler *held __attribute__((tls_model("initial-exec")));

static uint32_t fork_epoch;

__attribute__((noinline, noipa)) strand_scheduler *strand_scheduler_held(void)
{
    return held;
}

__attribute__((noinline, noipa)) void strand_scheduler_hold(strand_scheduler *s)
{
    held = s;
}

__attribute__((noinline, noipa)) int strand_errno(void)
{
    return errno;
}

__attribute__((noinline, noipa)) void strand_errno_restore(int value)
{
    errno = value;
}

/* In the child the parent's loop must not be touched: nothing there is held, and run refuses. */
static void after_fork_in_child(void)
{
    fork_epoch++;
    held = NULL;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

uint32_t strand_fork_epoch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    return fork_epoch;
}
