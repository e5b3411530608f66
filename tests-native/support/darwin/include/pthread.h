/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_PTHREAD_H
#define STRAND_TESTS_DARWIN_PTHREAD_H

#include <sched.h>
#include <stddef.h>
#include <time.h>

typedef struct {
    long sig;
    char opaque[56];
} pthread_mutex_t;
typedef struct {
    long sig;
    char opaque[40];
} pthread_cond_t;
typedef struct {
    long sig;
    char opaque[8];
} pthread_mutexattr_t, pthread_condattr_t, pthread_once_t;

#define PTHREAD_MUTEX_INITIALIZER {0x32aaaba7, {0}}
#define PTHREAD_ONCE_INIT {0x30b1bcba, {0}}

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int pthread_once(pthread_once_t *once, void (*run)(void));

typedef struct opaque_thread *pthread_t;
typedef struct {
    long sig;
    char opaque[56];
} pthread_attr_t;

#define PTHREAD_CREATE_DETACHED 2

int pthread_attr_init(pthread_attr_t *attributes);
int pthread_attr_setdetachstate(pthread_attr_t *attributes, int state);
int pthread_attr_setstacksize(pthread_attr_t *attributes, size_t size);
int pthread_attr_destroy(pthread_attr_t *attributes);
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument);

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_mutex_destroy(pthread_mutex_t *mutex);

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int pthread_cond_timedwait_relative_np(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                       const struct timespec *duration);
int pthread_cond_broadcast(pthread_cond_t *condition);
int pthread_cond_destroy(pthread_cond_t *condition);

#endif
