/* SPDX-License-Identifier: Apache-2.0 */
/* What the double of kqueue keeps: kqueue.c has the queues, notes.c what is registered in them. */
#ifndef STRAND_TESTS_KQUEUE_QUEUE_H
#define STRAND_TESTS_KQUEUE_QUEUE_H

#include <sys/event.h>

#include <stdbool.h>
#include <stddef.h>

enum { OF_READ, OF_WRITE, OF_EXCEPT, KINDS };

struct note {
    void *udata;
    uint32_t fflags;
    uint16_t flags;          /* EV_CLEAR, EV_ONESHOT; EV_ADD while it is there, EV_DISABLE */
    bool file;               /* a regular file, which epoll does not take */
    bool triggered;          /* of EVFILT_USER, and of a file that was not told of yet */
    uintptr_t ident;         /* of EVFILT_USER */
    struct note *next;       /* of EVFILT_USER */
};

struct queue {
    int epoll[KINDS];        /* the first is the queue's descriptor */
    int wake_fd;             /* readable while a note of EVFILT_USER is triggered */
    struct note *of[KINDS];  /* by descriptor */
    size_t capacity, files;
    struct note *users;
    struct queue *next;
};

/* -- notes.c; under the queues' lock -- */

/* 0, or errno. */
int strand_queue_change(struct queue *q, const struct kevent *change);
/* What has happened, as many as there is room for. */
int strand_queue_take(struct queue *q, struct kevent *events, int room);
/* A descriptor that is about to be closed. */
void strand_queue_forget(struct queue *q, int fd);
/* The memory of all that is registered. */
void strand_queue_forget_all(struct queue *q);

#endif
