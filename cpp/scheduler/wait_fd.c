/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for any descriptor, once: it is watched for this wait only, since its owner may close it
 * at any time afterwards. One that is watched already (by a stream, by another strand's wait) is
 * watched through a duplicate.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "scheduler.h"
#include "wait.h"

static void ready(struct strand_loop_watch *watch, unsigned events)
{
    (void)events;
    struct strand_fd_wait *wait = CONTAINER_OF(watch, struct strand_fd_wait, watch);
    strand_wait_wake(wait->strand);
}

static const struct strand_loop_calls loop_calls = {.ready = ready};

void strand_fd_wait_init(struct strand_fd_wait *wait, struct strand *self, int fd, unsigned events)
{
    *wait = (struct strand_fd_wait){.strand = self, .fd = fd, .own_fd = -1, .events = events};
    strand_loop_watch_init(&wait->watch, fd, &loop_calls);
}

/* The events that are ready now; 0 none; -EBADF. */
static int look(const struct strand_fd_wait *wait)
{
    struct pollfd fd = {.fd = wait->fd, .events = (short)wait->events};
    int count;
    do
        count = poll(&fd, 1, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    return fd.revents & POLLNVAL ? -EBADF : fd.revents;
}

static unsigned loop_events(unsigned events)
{
    return (events & POLLIN ? STRAND_LOOP_READABLE : 0) |
           (events & POLLOUT ? STRAND_LOOP_WRITABLE : 0) |
           (events & POLLPRI ? STRAND_LOOP_PRIORITY : 0);
}

static int watch_once(struct strand_fd_wait *wait)
{
    struct strand_loop *loop = wait->strand->scheduler->loop;
    if (strand_loop_watched(&wait->watch))
        return 0;
    int status = strand_loop_add_once(loop, &wait->watch, loop_events(wait->events));
    if (status != -EEXIST)
        return status;
    if (wait->own_fd < 0) {
        wait->own_fd = fcntl(wait->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (wait->own_fd < 0)
            return -errno;
    }
    strand_loop_watch_init(&wait->watch, wait->own_fd, &loop_calls);
    return strand_loop_add_once(loop, &wait->watch, loop_events(wait->events));
}

int strand_fd_wait_step(struct strand_fd_wait *wait, int64_t deadline_ns)
{
    if (!wait->events || (wait->events & ~(unsigned)(POLLIN | POLLOUT | POLLPRI)))
        return -EINVAL;
    int status = look(wait);
    if (status != 0) {
        strand_wait_done(wait->strand);
        return status;
    }
    status = watch_once(wait);
    if (status < 0)
        return status;
    return strand_wait_arm(wait->strand, NULL, "a descriptor", deadline_ns, STRAND_WAIT_OUTSIDE);
}

void strand_fd_wait_close(struct strand_fd_wait *wait)
{
    strand_wait_done(wait->strand);
    strand_loop_remove(wait->strand->scheduler->loop, &wait->watch);
    if (wait->own_fd >= 0)
        close(wait->own_fd);
}
