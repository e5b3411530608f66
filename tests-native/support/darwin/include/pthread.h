/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_PTHREAD_H
#define STRAND_TESTS_DARWIN_PTHREAD_H

#include <sched.h>
#include <time.h>

typedef struct _opaque_pthread_t *pthread_t;
typedef struct {
    long sig;
    char opaque[56];
} pthread_mutex_t, pthread_attr_t;
typedef struct {
    long sig;
    char opaque[40];
} pthread_cond_t;
typedef struct {
    long sig;
    char opaque[8];
} pthread_mutexattr_t, pthread_condattr_t, pthread_once_t;
typedef unsigned long pthread_key_t;

#define PTHREAD_MUTEX_INITIALIZER {0x32aaaba7, {0}}
#define PTHREAD_COND_INITIALIZER {0x3cb0b1bb, {0}}
#define PTHREAD_ONCE_INIT {0x30b1bcba, {0}}

pthread_t pthread_self(void);
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument);
int pthread_join(pthread_t thread, void **result);
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int pthread_once(pthread_once_t *once, void (*run)(void));
int pthread_sigmask(int how, const unsigned *set, unsigned *before);

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_trylock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_mutex_destroy(pthread_mutex_t *mutex);

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int pthread_cond_timedwait_relative_np(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                       const struct timespec *duration);
int pthread_cond_signal(pthread_cond_t *condition);
int pthread_cond_broadcast(pthread_cond_t *condition);
int pthread_cond_destroy(pthread_cond_t *condition);

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *));
int pthread_setspecific(pthread_key_t key, const void *value);
void *pthread_getspecific(pthread_key_t key);

/* pthread_get_stackaddr_np gives the high end. */
void *pthread_get_stackaddr_np(pthread_t thread);
size_t pthread_get_stacksize_np(pthread_t thread);

#endif
