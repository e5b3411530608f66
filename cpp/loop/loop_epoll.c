/* SPDX-License-Identifier: Apache-2.0 */
/* The loop on Linux: epoll(7). */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "descriptor.h"
#include "fetch.h"

const char strand_loop_name[] = "epoll";
const bool strand_loop_tells_urgent = true;

enum { BATCH = 1024 };
/* How many events ahead. */
enum { FETCH_ENTRY = 9, FETCH_WATCH = 6, FETCH_BEYOND = 3 };

static const uint32_t all_for_good = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;

struct epoll_loop {
    struct strand_loop loop;
    int epoll_fd;
    bool milliseconds;                 /* the kernel has no epoll_pwait2 (before Linux 5.11) */
    struct epoll_event batch[BATCH];
};

static struct epoll_loop *epoll_loop_of(struct strand_loop *loop)
{
    return (struct epoll_loop *)loop;
}

int strand_loop_create(struct strand_loop **out)
{
    struct epoll_loop *self = calloc(1, sizeof *self);
    if (!self)
        return -ENOMEM;
    self->epoll_fd = strand_descriptor_above_standard(epoll_create1(EPOLL_CLOEXEC));
    if (self->epoll_fd < 0) {
        int status = self->epoll_fd;
        free(self);
        return status;
    }
    *out = &self->loop;
    return 0;
}

void strand_loop_destroy(struct strand_loop *loop)
{
    struct epoll_loop *self = epoll_loop_of(loop);
    close(self->epoll_fd);
    free(loop->table);
    free(self);
}

/* One-shot: a descriptor that was closed in the meantime cannot be removed, and while a duplicate
 * is open the kernel would report it for ever. */
static uint32_t once(unsigned asked)
{
    uint32_t wanted = EPOLLONESHOT;
    if (asked & STRAND_LOOP_READABLE)
        wanted |= EPOLLIN | EPOLLRDHUP;
    if (asked & STRAND_LOOP_WRITABLE)
        wanted |= EPOLLOUT;
    if (asked & STRAND_LOOP_PRIORITY)
        wanted |= EPOLLPRI;
    return wanted;
}

/* The kernel takes only a descriptor that it lacks: it knows whether a watch was left behind. */
int strand_loop_register(struct strand_loop *loop, const struct strand_loop_entry *entry, int fd,
                         uint32_t generation, unsigned asked)
{
    (void)entry;
    struct epoll_event event = {
        .events = asked ? once(asked) : all_for_good,
        .data.u64 = (uint64_t)generation << 32 | (uint32_t)fd,
    };
    return epoll_ctl(epoll_loop_of(loop)->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* EBADF or ENOENT where it has been closed already: the kernel has forgotten it by itself. */
void strand_loop_unregister(struct strand_loop *loop, const struct strand_loop_entry *entry, int fd)
{
    (void)entry;
    (void)epoll_ctl(epoll_loop_of(loop)->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* After a hang-up or an error neither direction would wait, whatever else the kernel says. */
static unsigned events_of(uint32_t epoll_events)
{
    unsigned events = 0;
    if (epoll_events & EPOLLIN)
        events |= STRAND_LOOP_READABLE;
    if (epoll_events & EPOLLOUT)
        events |= STRAND_LOOP_WRITABLE;
    if (epoll_events & EPOLLPRI)
        events |= STRAND_LOOP_PRIORITY;
    if (epoll_events & EPOLLRDHUP)
        events |= STRAND_LOOP_READABLE | STRAND_LOOP_HANGUP;
    if (epoll_events & EPOLLHUP)
        events |= STRAND_LOOP_READABLE | STRAND_LOOP_WRITABLE | STRAND_LOOP_HANGUP;
    if (epoll_events & EPOLLERR)
        events |= STRAND_LOOP_READABLE | STRAND_LOOP_WRITABLE | STRAND_LOOP_ERROR;
    return events;
}

static int wait_in_milliseconds(struct epoll_loop *self, int64_t timeout_ns)
{
    int timeout_ms = -1;
    if (timeout_ns != INT64_MAX) {
        int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
        timeout_ms = ms > INT_MAX ? INT_MAX : (int)ms;
    }
    return epoll_wait(self->epoll_fd, self->batch, BATCH, timeout_ms);
}

static int wait_for_events(struct epoll_loop *self, int64_t timeout_ns)
{
#if defined(SYS_epoll_pwait2)
    if (!self->milliseconds && timeout_ns > 0 && timeout_ns != INT64_MAX) {
        struct timespec timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};
        long count = syscall(SYS_epoll_pwait2, self->epoll_fd, self->batch, BATCH, &timeout, NULL,
                             (size_t)0);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return (int)count;
        self->milliseconds = true;
    }
#endif
    return wait_in_milliseconds(self, timeout_ns < 0 ? 0 : timeout_ns);
}

static bool dispatch(struct strand_loop *loop, const struct epoll_event *event)
{
    struct strand_loop_entry *entry =
        strand_loop_find(loop, (uint32_t)event->data.u64, (uint32_t)(event->data.u64 >> 32));
    if (!entry)
        return false;
    strand_loop_call(loop, entry, events_of(event->events));
    return true;
}

/* Perhaps by now another watch's than the event's. */
static const struct strand_loop_entry *entry_at(const struct epoll_loop *self, int i)
{
    return &self->loop.table[(uint32_t)self->batch[i].data.u64];
}

/* While an event of a long batch is served what later ones need comes into the cache: the entry,
 * what it points to, and then what that points to. */
static inline void fetch_ahead(const struct epoll_loop *self, int i, int events)
{
    if (i + FETCH_ENTRY >= events)
        return;
    strand_fetch((uintptr_t)entry_at(self, i + FETCH_ENTRY), STRAND_CACHE_LINE);
    strand_fetch((uintptr_t)entry_at(self, i + FETCH_WATCH)->watch, STRAND_LOOP_FETCH_BYTES);
    const struct strand_loop_watch *near = entry_at(self, i + FETCH_BEYOND)->watch;
    if (near && near->calls->fetch)
        near->calls->fetch(near);
}

int strand_loop_poll(struct strand_loop *loop, int64_t timeout_ns)
{
    struct epoll_loop *self = epoll_loop_of(loop);
    int events = wait_for_events(self, timeout_ns);
    int calls = 0;
    for (int i = 0; i < events; i++) {
        fetch_ahead(self, i, events);
        calls += dispatch(loop, &self->batch[i]);
    }
    return calls;
}
