/* SPDX-License-Identifier: Apache-2.0 */
/* The loop on Linux: epoll(7). */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "descriptor.h"

const char strand_loop_name[] = "epoll";

enum { BATCH = 1024, FIRST_CAPACITY = 64 };

/*
 * The table is indexed by descriptor, so a watch's slot is its descriptor's number. An event
 * carries the slot and the generation it had when it was added: whatever the kernel still reports
 * for a watch that has gone, or for an earlier file of the same number, is dropped. A slot whose
 * watch was left behind when its descriptor was closed is taken over by the next one of that
 * number.
 */
struct entry {
    struct strand_loop_watch *watch;   /* NULL: free */
    uint32_t generation;
    bool once;
    uint8_t asked;                     /* strand_loop_events, of a watch that is for once */
};

struct strand_loop {
    int epoll_fd;
    bool milliseconds;                 /* the kernel has no epoll_pwait2 (before Linux 5.11) */
    struct entry *table;
    size_t capacity, watched;
    struct epoll_event batch[BATCH];
};

int strand_loop_create(struct strand_loop **out)
{
    struct strand_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return -ENOMEM;
    loop->epoll_fd = strand_descriptor_above_standard(epoll_create1(EPOLL_CLOEXEC));
    if (loop->epoll_fd < 0) {
        int status = loop->epoll_fd;
        free(loop);
        return status;
    }
    *out = loop;
    return 0;
}

void strand_loop_destroy(struct strand_loop *loop)
{
    close(loop->epoll_fd);
    free(loop->table);
    free(loop);
}

void strand_loop_watch_init(struct strand_loop_watch *watch, int fd,
                            void (*ready)(struct strand_loop_watch *, unsigned))
{
    watch->ready = ready;
    watch->fd = fd;
    watch->slot = UINT32_MAX;
}

static int make_room_for(struct strand_loop *loop, size_t slot)
{
    if (slot < loop->capacity)
        return 0;
    size_t capacity = loop->capacity ? loop->capacity : FIRST_CAPACITY;
    while (capacity <= slot)
        capacity *= 2;
    struct entry *larger = realloc(loop->table, capacity * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    for (size_t i = loop->capacity; i < capacity; i++)
        larger[i] = (struct entry){0};
    loop->table = larger;
    loop->capacity = capacity;
    return 0;
}

static void forget(struct strand_loop *loop, struct entry *entry)
{
    entry->watch->slot = UINT32_MAX;
    entry->watch = NULL;
    entry->generation++;
    loop->watched--;
}

static int add(struct strand_loop *loop, struct strand_loop_watch *watch, uint32_t wanted,
               unsigned asked)
{
    if (watch->fd < 0)
        return -EBADF;
    CHECK(!strand_loop_watched(watch));
    uint32_t slot = (uint32_t)watch->fd;
    int status = make_room_for(loop, slot);
    if (status != 0)
        return status;
    struct entry *entry = &loop->table[slot];
    uint32_t generation = entry->generation + 1;   /* the kernel takes only one that it lacks */
    struct epoll_event event = {
        .events = wanted,
        .data.u64 = (uint64_t)(generation + (entry->watch != NULL)) << 32 | slot,
    };
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) != 0)
        return -errno;
    if (entry->watch)
        forget(loop, entry);
    entry->watch = watch;
    entry->generation++;
    entry->once = asked != 0;
    entry->asked = (uint8_t)asked;
    watch->slot = slot;
    loop->watched++;
    return 0;
}

int strand_loop_add(struct strand_loop *loop, struct strand_loop_watch *watch)
{
    return add(loop, watch, EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET, 0);
}

int strand_loop_add_once(struct strand_loop *loop, struct strand_loop_watch *watch, unsigned events)
{
    /* One-shot: a descriptor that was closed in the meantime cannot be removed, and while a duplicate
     * is open the kernel would report it for ever. */
    uint32_t wanted = EPOLLONESHOT;
    if (events & STRAND_LOOP_READABLE)
        wanted |= EPOLLIN | EPOLLRDHUP;
    if (events & STRAND_LOOP_WRITABLE)
        wanted |= EPOLLOUT;
    if (events & STRAND_LOOP_PRIORITY)
        wanted |= EPOLLPRI;
    return add(loop, watch, wanted, events | STRAND_LOOP_HANGUP | STRAND_LOOP_ERROR);
}

void strand_loop_remove(struct strand_loop *loop, struct strand_loop_watch *watch)
{
    if (!strand_loop_watched(watch))
        return;
    struct entry *entry = &loop->table[watch->slot];
    CHECK(entry->watch == watch);
    /* EBADF or ENOENT where it has been closed already: the kernel has forgotten it by itself. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    forget(loop, entry);
}

size_t strand_loop_count(const struct strand_loop *loop)
{
    return loop->watched;
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

static int wait_in_milliseconds(struct strand_loop *loop, int64_t timeout_ns)
{
    int timeout_ms = -1;
    if (timeout_ns != INT64_MAX) {
        int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
        timeout_ms = ms > INT_MAX ? INT_MAX : (int)ms;
    }
    return epoll_wait(loop->epoll_fd, loop->batch, BATCH, timeout_ms);
}

static int wait_for_events(struct strand_loop *loop, int64_t timeout_ns)
{
#if defined(SYS_epoll_pwait2)
    if (!loop->milliseconds && timeout_ns > 0 && timeout_ns != INT64_MAX) {
        struct timespec timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};
        long count = syscall(SYS_epoll_pwait2, loop->epoll_fd, loop->batch, BATCH, &timeout, NULL,
                             (size_t)0);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return (int)count;
        loop->milliseconds = true;
    }
#endif
    return wait_in_milliseconds(loop, timeout_ns < 0 ? 0 : timeout_ns);
}

static bool dispatch(struct strand_loop *loop, const struct epoll_event *event)
{
    struct entry *entry = &loop->table[(uint32_t)event->data.u64];
    if (!entry->watch || entry->generation != (uint32_t)(event->data.u64 >> 32))
        return false;
    struct strand_loop_watch *watch = entry->watch;
    unsigned events = events_of(event->events);
    if (entry->once) {
        events &= entry->asked;
        strand_loop_remove(loop, watch);
    }
    watch->ready(watch, events);
    return true;
}

int strand_loop_poll(struct strand_loop *loop, int64_t timeout_ns)
{
    int events = wait_for_events(loop, timeout_ns);
    int calls = 0;
    for (int i = 0; i < events; i++)
        calls += dispatch(loop, &loop->batch[i]);
    return calls;
}
