/* SPDX-License-Identifier: Apache-2.0 */
/* Darwin has no pthread_condattr_setclock; it has a wait for a while (pthread.h), on a clock that
 * nobody sets. */
#include "condition.h"

#include <errno.h>
#include <time.h>

#include "clock.h"

int strand_condition_init(pthread_cond_t *condition)
{
    return -pthread_cond_init(condition, NULL);
}

int strand_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - strand_clock_now_ns();
    if (left_ns <= 0)
        return -ETIMEDOUT;
    struct timespec left = {left_ns / 1000000000, left_ns % 1000000000};
    return -pthread_cond_timedwait_relative_np(condition, mutex, &left);
}
