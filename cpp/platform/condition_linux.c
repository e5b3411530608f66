/* SPDX-License-Identifier: Apache-2.0 */
#include "condition.h"

#include <time.h>

int strand_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error)
        return -error;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    error = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return -error;
}

int strand_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                int64_t deadline_ns)
{
    struct timespec deadline = {deadline_ns / 1000000000, deadline_ns % 1000000000};
    return -pthread_cond_timedwait(condition, mutex, &deadline);
}
