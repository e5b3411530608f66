/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX condition variables with deadlines on the monotonic clock: Darwin's know only wall time. */
#ifndef STRAND_PLATFORM_CONDITION_H
#define STRAND_PLATFORM_CONDITION_H

#include <pthread.h>
#include <stdint.h>

int strand_condition_init(pthread_cond_t *condition);   /* 0 or -errno */

/* As pthread_cond_timedwait(3): 0, perhaps for no reason; -ETIMEDOUT once strand_clock_now_ns has
 * passed the deadline. */
int strand_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                int64_t deadline_ns);

#endif
