/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Names that nobody answers for hold a thread for half a minute each. */
enum { MOST_THREADS = 16 };

/* What name services (nsswitch.conf(5)) take, with room to spare. */
#define THREAD_STACK_BYTES ((size_t)512 * 1024)

struct strand_lookups {
    pthread_mutex_t lock;
    struct strand_lookup *first, **last;     /* begun, and no thread's yet */
    unsigned queued;                         /* so many are those */
    unsigned threads, starting;              /* that live; of these, not yet at work */
    bool closed;                             /* the last thread frees it */
};

struct strand_lookup {
    struct strand_lookup *next;              /* in the queue */
    struct strand_lookups *group;
    void (*done)(uint64_t);
    uint64_t argument;
    enum { QUEUED, TAKEN, ABANDONED, FINISHED } state;   /* under the group's lock */
    int status;                              /* once FINISHED, as what follows */
    struct addrinfo *found;
    char *port;                              /* in host, behind its final NUL */
    char host[];
};

int strand_lookups_create(struct strand_lookups **out)
{
    struct strand_lookups *group = calloc(1, sizeof *group);
    if (!group)
        return -ENOMEM;
    int error = pthread_mutex_init(&group->lock, NULL);
    if (error) {
        free(group);
        return -error;
    }
    group->last = &group->first;
    *out = group;
    return 0;
}

static void free_group(struct strand_lookups *group)
{
    pthread_mutex_destroy(&group->lock);
    free(group);
}

void strand_lookups_close(struct strand_lookups *group)
{
    pthread_mutex_lock(&group->lock);
    group->closed = true;
    bool last = group->threads == 0;
    pthread_mutex_unlock(&group->lock);
    if (last)
        free_group(group);
}

static void free_lookup(struct strand_lookup *lookup)
{
    if (lookup->found)
        freeaddrinfo(lookup->found);
    free(lookup);
}

/* EAGAIN would say that the answer is yet to come. */
static int status_of(int error, int system_error)
{
    switch (error) {
    case 0:
        return 0;
    case EAI_AGAIN:
        return -ENETUNREACH;
    case EAI_FAIL:
        return -EIO;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return system_error == 0 || system_error == EAGAIN ? -EIO : -system_error;
    default:
        return -ENXIO;
    }
}

static void look_up(struct strand_lookup *lookup)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    errno = 0;
    int error = getaddrinfo(lookup->host, lookup->port, &wanted, &lookup->found);
    lookup->status = status_of(error, errno);
    if (lookup->status < 0)
        lookup->found = NULL;
}

static struct strand_lookup *take_first(struct strand_lookups *group)
{
    struct strand_lookup *lookup = group->first;
    if (!lookup)
        return NULL;
    group->first = lookup->next;
    if (!group->first)
        group->last = &group->first;
    group->queued--;
    lookup->state = TAKEN;
    return lookup;
}

static void *work(void *argument)
{
    struct strand_lookups *group = argument;
    struct strand_lookup *lookup;
    pthread_mutex_lock(&group->lock);
    group->starting--;
    while ((lookup = take_first(group))) {
        pthread_mutex_unlock(&group->lock);
        look_up(lookup);
        pthread_mutex_lock(&group->lock);
        if (lookup->state == ABANDONED) {
            free_lookup(lookup);
        } else {
            lookup->state = FINISHED;
            lookup->done(lookup->argument);
        }
    }
    bool last = --group->threads == 0 && group->closed;
    pthread_mutex_unlock(&group->lock);
    if (last)
        free_group(group);
    return NULL;
}

/* With every signal blocked: handlers are for the program's own threads. */
static int start_thread(struct strand_lookups *group)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    int error = pthread_attr_init(&attributes);
    if (error)
        return error;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, work, group);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

/* Under the lock: one more where those that start have their work already. With one at least it is
 * done sometime. */
static int see_to_a_thread(struct strand_lookups *group)
{
    if (group->starting > group->queued || group->threads == MOST_THREADS)
        return 0;
    if (start_thread(group) != 0)
        return group->threads > 0 ? 0 : -ENOMEM;
    group->threads++;
    group->starting++;
    return 0;
}

static void append(struct strand_lookups *group, struct strand_lookup *lookup)
{
    *group->last = lookup;
    group->last = &lookup->next;
    group->queued++;
}

static void take_out(struct strand_lookups *group, struct strand_lookup *lookup)
{
    struct strand_lookup **place = &group->first;
    while (*place != lookup)
        place = &(*place)->next;
    *place = lookup->next;
    group->queued--;
    if (group->last == &lookup->next)
        group->last = place;
}

int strand_lookup_begin(struct strand_lookups *group, const char *text,
                        void (*done)(uint64_t argument), uint64_t argument,
                        struct strand_lookup **out)
{
    size_t size = strlen(text) + 1;
    struct strand_lookup *lookup = calloc(1, sizeof *lookup + size);
    if (!lookup)
        return -ENOMEM;
    memcpy(lookup->host, text, size);
    lookup->port = strrchr(lookup->host, ':');
    *lookup->port++ = '\0';
    lookup->group = group;
    lookup->done = done;
    lookup->argument = argument;
    pthread_mutex_lock(&group->lock);
    int status = see_to_a_thread(group);
    if (status == 0)
        append(group, lookup);
    pthread_mutex_unlock(&group->lock);
    if (status < 0) {
        free_lookup(lookup);
        return status;
    }
    *out = lookup;
    return 0;
}

int strand_lookup_result(struct strand_lookup *lookup)
{
    pthread_mutex_lock(&lookup->group->lock);
    int status = lookup->state == FINISHED ? lookup->status : -EAGAIN;
    pthread_mutex_unlock(&lookup->group->lock);
    return status;
}

int strand_lookup_address(const struct strand_lookup *lookup, size_t index,
                          struct strand_address *out)
{
    const struct addrinfo *found = lookup->found;
    while (found && (index > 0 || found->ai_addrlen > sizeof out->storage)) {
        index -= index > 0;
        found = found->ai_next;
    }
    if (!found)
        return -ENXIO;
    memset(out, 0, sizeof *out);
    memcpy(&out->storage, found->ai_addr, found->ai_addrlen);
    out->length = found->ai_addrlen;
    return 0;
}

void strand_lookup_end(struct strand_lookup *lookup)
{
    struct strand_lookups *group = lookup->group;
    pthread_mutex_lock(&group->lock);
    bool busy = lookup->state == TAKEN;
    if (busy)
        lookup->state = ABANDONED;
    else if (lookup->state == QUEUED)
        take_out(group, lookup);
    pthread_mutex_unlock(&group->lock);
    if (!busy)
        free_lookup(lookup);
}
