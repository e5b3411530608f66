/* SPDX-License-Identifier: Apache-2.0 */
/* Which scheduler this OS thread holds, for those who do not switch. */
#include <pthread.h>

#include "attributes.h"
#include "held.h"
#include "scheduler.h"

_Thread_local strand_scheduler *strand_held_here;

static uint32_t fork_epoch;

STRAND_OPAQUE strand_scheduler *strand_scheduler_held(void)
{
    return strand_held_here;
}

STRAND_OPAQUE void strand_scheduler_hold(strand_scheduler *s)
{
    strand_held_here = s;
}

/* In the child the parent's loop must not be touched: nothing there is held, and run refuses. */
static void after_fork_in_child(void)
{
    fork_epoch++;
    strand_held_here = NULL;
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
