/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop on the BSDs and Darwin: kqueue(2), as the manual pages of FreeBSD and of macOS have it.
 * Where the two differ, the loop leans on neither:
 *
 *   files        both watch a file until its offset is at its end, and neither for writing. Each has
 *                devices that it does not watch (Darwin fewer with NOTE_LOWAT). All of these count as
 *                always ready, as epoll has it.
 *   a pipe       that nobody reads any more takes no EVFILT_WRITE: an event of our own says so.
 *   the end      comes with EVFILT_READ or with EVFILT_WRITE, and once; of a FIFO it is taken back.
 *                Streams want to see it in every event that follows, as epoll reports it.
 *   urgent data  EVFILT_EXCEPT on Darwin; FreeBSD has nothing of the kind.
 *   time         Darwin refused more than 100,000,000 s, OpenBSD a day.
 *   close        takes a descriptor's events away, whatever duplicates it has, on both.
 *
 * A scheduler is woken from outside by its wakefd, as over epoll: EVFILT_USER would spare a pipe, but
 * strand_scheduler_stop must work in a signal handler, for which POSIX has write(2) and no kevent.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "descriptor.h"

#ifndef EVFILT_EXCEPT
#define EVFILT_EXCEPT 0   /* filters are below it */
#define NOTE_OOB 0
#endif

const char strand_loop_name[] = "kqueue";
const bool strand_loop_tells_urgent = false;

enum { BATCH = 2 * 1024 };   /* 1,024 descriptors with both directions ready */

enum { MAX_TIMEOUT_S = 24 * 60 * 60 };

/*
 * entry->filters: what is registered, and SOCKET. entry->ready: the strand_loop_events of the batch
 * that are still to be told; a descriptor's filters come one by one and are told in one call.
 * entry->ends: HANGUP and ERROR once they came.
 */
enum { READ = 1, WRITE = 2, EXCEPT = 4, BROKEN = 8, SOCKET = 16 };

enum { MAX_CHANGES = 4 };

static const struct {
    uint8_t bit;
    short filter;
    unsigned short fflags, data;
} filters_known[MAX_CHANGES] = {
    {READ, EVFILT_READ, NOTE_LOWAT, 1},
    {WRITE, EVFILT_WRITE, 0, 0},
    {EXCEPT, EVFILT_EXCEPT, NOTE_OOB, 0},
    {BROKEN, EVFILT_USER, 0, 0},
};

struct kqueue_loop {
    struct strand_loop loop;
    int kqueue_fd;
    struct kevent batch[BATCH];
};

static struct kqueue_loop *kqueue_loop_of(struct strand_loop *loop)
{
    return (struct kqueue_loop *)loop;
}

int strand_loop_create(struct strand_loop **out)
{
    struct kqueue_loop *self = calloc(1, sizeof *self);
    if (!self)
        return -ENOMEM;
    int status = self->kqueue_fd = strand_descriptor_above_standard(kqueue());
    if (status >= 0 && fcntl(self->kqueue_fd, F_SETFD, FD_CLOEXEC) != 0) {
        status = -errno;
        close(self->kqueue_fd);
    }
    if (status < 0) {
        free(self);
        return status;
    }
    *out = &self->loop;
    return 0;
}

void strand_loop_destroy(struct strand_loop *loop)
{
    struct kqueue_loop *self = kqueue_loop_of(loop);
    close(self->kqueue_fd);
    free(loop->table);
    free(self);
}

/* ---- Registration ---- */

/* The changes for these filters; returns how many. A receipt for each, so that one that fails does
 * not keep the next from being made and no event is taken from the queue. */
static int changes_for(struct kevent *changes, int fd, unsigned filters, unsigned flags,
                       uint32_t generation)
{
    int count = 0;
    for (int i = 0; i < MAX_CHANGES; i++) {
        if (!(filters & filters_known[i].bit))
            continue;
        EV_SET(&changes[count], (uintptr_t)fd, filters_known[i].filter,
               (unsigned short)(flags | EV_RECEIPT), filters_known[i].fflags,
               filters_known[i].data, (void *)(uintptr_t)generation);
        count++;
    }
    return count;
}

/* Each change is replaced by its receipt: errno in `data`, 0 when it was made. */
static int apply(struct strand_loop *loop, struct kevent *changes, int count)
{
    static const struct timespec at_once = {0, 0};
    int receipts;
    do
        receipts = kevent(kqueue_loop_of(loop)->kqueue_fd, changes, count, changes, count,
                          &at_once);
    while (receipts < 0 && errno == EINTR);
    return receipts < 0 ? -errno : 0;
}

static unsigned filters_asked(unsigned asked)
{
    return (asked & STRAND_LOOP_READABLE ? READ : 0u) |
           (asked & STRAND_LOOP_WRITABLE ? WRITE : 0u) |
           (asked & STRAND_LOOP_PRIORITY ? EXCEPT : 0u);
}

/* The filters to ask for, or -errno. Not those of a direction that the descriptor is not open for:
 * a pipe's end may stand for both, and would report what its other end does. */
static int filters_for(int fd, unsigned asked)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode))
        return -EPERM;
    unsigned filters = asked ? filters_asked(asked) : READ | WRITE;
    if ((filters & EXCEPT) && EVFILT_EXCEPT == 0)
        return -ENOTSUP;
    if (S_ISSOCK(status.st_mode))
        return (int)(filters | SOCKET);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (!asked && (flags & O_ACCMODE) == O_RDONLY)
        filters &= ~(unsigned)WRITE;
    if (!asked && (flags & O_ACCMODE) == O_WRONLY)
        filters &= ~(unsigned)READ;
    return (int)filters;
}

/* Re-adding would only change what is there, so it is asked first: close has taken it away where
 * the watch was left behind. */
static bool still_there(struct strand_loop *loop, const struct strand_loop_entry *entry, int fd)
{
    struct kevent changes[MAX_CHANGES];
    int count = changes_for(changes, fd, entry->filters, EV_ENABLE, entry->generation);
    return apply(loop, changes, count) == 0 && changes[0].data != ENOENT &&
           changes[0].data != EBADF;
}

/* A pipe whose reader has gone: nothing would tell, so the queue is given an event of ours. */
static int add_broken(struct strand_loop *loop, int fd, uint32_t generation)
{
    struct kevent changes[2];
    changes_for(&changes[0], fd, BROKEN, EV_ADD | EV_CLEAR, generation);
    changes_for(&changes[1], fd, BROKEN, EV_ENABLE, generation);
    changes[1].fflags = NOTE_TRIGGER;
    int status = apply(loop, changes, 2);
    return status < 0 ? status : -(int)changes[0].data;
}

/* What a filter's refusal means: the kernel has no events of such descriptors, or an error. */
static int refusal(int error)
{
    return error == EINVAL || error == ENODEV || error == EOPNOTSUPP || error == ENOTSUP ? -EPERM
                                                                                       : -error;
}

static void drop(struct strand_loop *loop, int fd, unsigned filters)
{
    struct kevent changes[MAX_CHANGES];
    int count = changes_for(changes, fd, filters, EV_DELETE, 0);
    (void)apply(loop, changes, count);
}

int strand_loop_register(struct strand_loop *loop, const struct strand_loop_entry *entry, int fd,
                         uint32_t generation, unsigned asked)
{
    struct kevent changes[MAX_CHANGES];
    int filters = filters_for(fd, asked);
    if (filters < 0)
        return filters;
    if (entry->watch && still_there(loop, entry, fd))
        return -EEXIST;
    int count = changes_for(changes, fd, (unsigned)filters, EV_ADD | EV_CLEAR, generation);
    int status = apply(loop, changes, count);
    bool broken = false;
    for (int i = 0; i < count && status == 0; i++) {
        broken |= changes[i].data == EPIPE;
        if (changes[i].data != 0 && changes[i].data != EPIPE)
            status = refusal((int)changes[i].data);
    }
    if (status == 0 && broken) {
        filters |= BROKEN;
        status = add_broken(loop, fd, generation);
    }
    if (status == 0)
        return filters;
    drop(loop, fd, (unsigned)filters);
    return status;
}

/* ENOENT or EBADF where the descriptor has been closed already. */
void strand_loop_unregister(struct strand_loop *loop, const struct strand_loop_entry *entry, int fd)
{
    drop(loop, fd, entry->filters);
}

/* ---- Events ---- */

/* EV_EOF of EVFILT_WRITE is a socket's own shutdown too; of anything else nobody reads any more.
 * After an error neither direction would wait. */
static unsigned events_of(const struct strand_loop_entry *entry, const struct kevent *event)
{
    const unsigned broken = STRAND_LOOP_READABLE | STRAND_LOOP_WRITABLE | STRAND_LOOP_ERROR;
    bool end = (event->flags & EV_EOF) != 0;
    unsigned error = end && event->fflags != 0 ? broken : 0;
    switch (event->filter) {
    case EVFILT_READ:
        return error | STRAND_LOOP_READABLE | (end ? STRAND_LOOP_HANGUP : 0);
    case EVFILT_WRITE:
        return end && !(entry->filters & SOCKET) ? broken : error | STRAND_LOOP_WRITABLE;
    case EVFILT_EXCEPT:
        return (event->fflags & NOTE_OOB ? STRAND_LOOP_PRIORITY : 0) |
               (end ? STRAND_LOOP_READABLE | STRAND_LOOP_HANGUP : 0);
    default:
        return broken;
    }
}

/* Rounded up to microseconds: Darwin's timers once cut what is below. */
static int wait_for_events(struct kqueue_loop *self, int64_t timeout_ns)
{
    struct timespec timeout = {0, 0}, *until = timeout_ns == INT64_MAX ? NULL : &timeout;
    if (timeout_ns >= MAX_TIMEOUT_S * INT64_C(1000000000)) {
        timeout.tv_sec = MAX_TIMEOUT_S;
    } else if (timeout_ns > 0) {
        int64_t timeout_us = (timeout_ns - 1) / 1000 + 1;
        timeout.tv_sec = (time_t)(timeout_us / 1000000);
        timeout.tv_nsec = (long)(timeout_us % 1000000 * 1000);
    }
    return kevent(self->kqueue_fd, NULL, 0, self->batch, BATCH, until);
}

static struct strand_loop_entry *entry_of(const struct strand_loop *loop,
                                          const struct kevent *event)
{
    return strand_loop_find(loop, (uint32_t)event->ident, (uint32_t)(uintptr_t)event->udata);
}

static void collect(const struct strand_loop *loop, const struct kevent *event)
{
    struct strand_loop_entry *entry = entry_of(loop, event);
    if (!entry)
        return;
    unsigned events = events_of(entry, event);
    entry->ready |= (uint8_t)events;
    entry->ends |= (uint8_t)(events & (STRAND_LOOP_HANGUP | STRAND_LOOP_ERROR));
}

static bool dispatch(struct strand_loop *loop, const struct kevent *event)
{
    struct strand_loop_entry *entry = entry_of(loop, event);
    if (!entry || !entry->ready)
        return false;
    unsigned events = entry->ready | entry->ends;
    entry->ready = 0;
    strand_loop_call(loop, entry, events);
    return true;
}

int strand_loop_poll(struct strand_loop *loop, int64_t timeout_ns)
{
    struct kqueue_loop *self = kqueue_loop_of(loop);
    int events = wait_for_events(self, timeout_ns);
    int calls = 0;
    for (int i = 0; i < events; i++)
        collect(loop, &self->batch[i]);
    for (int i = 0; i < events; i++)
        calls += dispatch(loop, &self->batch[i]);
    return calls;
}
