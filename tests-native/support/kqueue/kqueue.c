/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A double of kqueue(2) over epoll(7), so that cpp/loop/loop_kqueue.c runs where there is no kqueue.
 * Written from the manual pages (FreeBSD: kqueue(2), October 2020; macOS: kqueue(2)); what
 * ../../kqueue_double_test.cpp says of it is what the loop leans on.
 *
 * Each filter has an epoll of its own, since a descriptor's filters are triggered independently of
 * each other, and one epoll would tell of both whenever one of them changes; EV_CLEAR is EPOLLET.
 * EVFILT_USER has an eventfd. kevent waits for all of these. The first is the queue's descriptor. (In
 * an epoll around the others no file could be watched more than 500 times.)
 *
 * close, dup2 and dup3 stand here too, before the C library's: "Calling close() on a file descriptor
 * will remove any kevents that reference the descriptor", also while a duplicate is open, and a
 * queue goes with its descriptor. Descriptors closed behind their back (fclose) are not seen.
 *
 * What it cannot do: tell a socket's error without taking it (fflags is ECONNRESET for any), see a
 * socket's own shutdown before the peer's (no EV_EOF of EVFILT_WRITE then), count a backlog, be
 * watched itself. It makes no queue below descriptor 3, since it knows a queue by its number and
 * would not follow a duplicate.
 */
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TIMEOUT_S = 100000000 };   /* Darwin's */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue *queues;

static int plain_close(int fd)
{
    return (int)syscall(SYS_close, fd);
}

/* ---- Queues ---- */

static struct queue *find_queue(int kq)
{
    struct queue *q = queues;
    while (q && q->epoll[OF_READ] != kq)
        q = q->next;
    return q;
}

static void close_descriptors(struct queue *q)
{
    for (int kind = 0; kind < KINDS; kind++)
        plain_close(q->epoll[kind]);
    plain_close(q->wake_fd);
}

static void destroy(struct queue *q)
{
    close_descriptors(q);
    strand_queue_forget_all(q);
    free(q);
}

static int above_standard(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    plain_close(fd);
    return higher;
}

static void take_lock(void)
{
    pthread_mutex_lock(&lock);
}

static void give_lock(void)
{
    pthread_mutex_unlock(&lock);
}

/* "The queue is not inherited by a child created with fork(2)." */
static void leave_queues(void)
{
    while (queues) {
        struct queue *q = queues;
        queues = q->next;
        destroy(q);
    }
    give_lock();
}

static void follow_forks(void)
{
    pthread_atfork(take_lock, give_lock, leave_queues);
}

int kqueue(void)
{
    static pthread_once_t forks = PTHREAD_ONCE_INIT;
    pthread_once(&forks, follow_forks);
    struct queue *q = calloc(1, sizeof *q);
    if (!q)
        return -1;
    bool whole = true;
    for (int kind = 0; kind < KINDS; kind++) {
        q->epoll[kind] = above_standard(epoll_create1(EPOLL_CLOEXEC));
        whole = whole && q->epoll[kind] >= 0;
    }
    q->wake_fd = above_standard(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!whole || q->wake_fd < 0) {
        int error = errno;
        destroy(q);
        errno = error;
        return -1;
    }
    take_lock();
    q->next = queues;
    queues = q;
    give_lock();
    return q->epoll[OF_READ];
}

/* How many receipts and errors, or -1. The lists may be one array. */
static int apply_all(struct queue *q, const struct kevent *changes, int count,
                     struct kevent *events, int room)
{
    int told = 0;
    for (int i = 0; i < count; i++) {
        struct kevent change = changes[i];
        int error = strand_queue_change(q, &change);
        if (!error && !(change.flags & EV_RECEIPT))
            continue;
        if (told == room) {
            errno = error;
            return error ? -1 : told;
        }
        change.flags |= EV_ERROR;
        change.data = error;
        events[told++] = change;
    }
    return told;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static bool valid(const struct timespec *timeout)
{
    return !timeout || (timeout->tv_sec >= 0 && timeout->tv_sec <= MAX_TIMEOUT_S &&
                        timeout->tv_nsec >= 0 && timeout->tv_nsec < 1000000000);
}

/* For something to be there, or its time: -1 when a signal came. */
static int wait_until(const struct queue *q, int64_t end_ns)
{
    struct pollfd any[KINDS + 1];
    for (int i = 0; i <= KINDS; i++)
        any[i] = (struct pollfd){.fd = i < KINDS ? q->epoll[i] : q->wake_fd, .events = POLLIN};
    int64_t left_ns = end_ns == INT64_MAX ? 0 : end_ns - now_ns();
    if (left_ns < 0)
        left_ns = 0;
    struct timespec left = {left_ns / 1000000000, left_ns % 1000000000};
    return ppoll(any, KINDS + 1, end_ns == INT64_MAX ? NULL : &left, NULL);
}

/* `seen`: what to wait for without the lock. */
static int take_from(int kq, struct kevent *events, int room, struct queue *seen)
{
    take_lock();
    struct queue *q = find_queue(kq);
    int taken = q ? strand_queue_take(q, events, room) : -1;
    if (q)
        *seen = *q;
    give_lock();
    if (taken < 0)
        errno = EBADF;
    return taken;
}

int kevent(int kq, const struct kevent *changelist, int nchanges, struct kevent *eventlist,
           int nevents, const struct timespec *timeout)
{
    if (!valid(timeout)) {
        errno = EINVAL;
        return -1;
    }
    take_lock();
    struct queue *q = find_queue(kq);
    int told = q ? apply_all(q, changelist, nchanges, eventlist, nevents) : -1;
    if (!q)
        errno = EBADF;
    give_lock();
    if (told != 0 || nevents == 0)
        return told;
    int64_t end_ns = INT64_MAX;
    if (timeout)
        end_ns = now_ns() + timeout->tv_sec * INT64_C(1000000000) + timeout->tv_nsec;
    for (;;) {
        struct queue seen;
        int taken = take_from(kq, eventlist, nevents, &seen);
        if (taken != 0 || (timeout && now_ns() >= end_ns))
            return taken;
        if (wait_until(&seen, end_ns) < 0)
            return -1;
    }
}

/* ---- What closes a descriptor ---- */

static void closing(int fd)
{
    struct queue *closed = NULL;
    take_lock();
    for (struct queue **place = &queues; *place;) {
        struct queue *q = *place;
        if (q->epoll[OF_READ] == fd) {
            closed = q;
            *place = q->next;
            continue;
        }
        strand_queue_forget(q, fd);
        place = &q->next;
    }
    give_lock();
    if (closed) {
        closed->epoll[OF_READ] = -1;      /* the caller's to close */
        destroy(closed);
    }
}

int close(int fd)
{
    int saved = errno;
    if (fd >= 0)
        closing(fd);
    errno = saved;
    return plain_close(fd);
}

int dup3(int fd, int to, int flags)
{
    if (fd != to && fcntl(fd, F_GETFD) >= 0 && to >= 0)
        closing(to);
    return (int)syscall(SYS_dup3, fd, to, flags);
}

int dup2(int fd, int to)
{
    if (fd == to)
        return fcntl(fd, F_GETFD) < 0 ? -1 : fd;
    return dup3(fd, to, 0);
}
