/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe, for systems without eventfd(2). A kqueue with an EVFILT_USER event in it would be one
 * descriptor instead of two, but what polls it would then watch a queue inside a queue; POSIX
 * promises what a pipe does, and the tests run this file on Linux too.
 */
#include "wakefd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "descriptor.h"

/* pipe2(2) is not everywhere. A fork and exec of another thread may come between: POSIX has no
 * remedy for that but pipe2. */
static int prepare(int fd)
{
    fd = strand_descriptor_above_standard(fd);
    if (fd < 0)
        return fd;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        return fd;
    int status = -errno;
    close(fd);
    return status;
}

int strand_wakefd_create(struct strand_wakefd *out)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -errno;
    *out = (struct strand_wakefd){.fd = prepare(ends[0]), .signal_fd = prepare(ends[1])};
    if (out->fd >= 0 && out->signal_fd >= 0)
        return 0;
    int status = out->fd < 0 ? out->fd : out->signal_fd;
    if (out->fd >= 0)
        close(out->fd);
    if (out->signal_fd >= 0)
        close(out->signal_fd);
    return status;
}

void strand_wakefd_signal(const struct strand_wakefd *wakefd)
{
    int saved = errno;
    ssize_t count;
    do
        count = write(wakefd->signal_fd, "", 1);
    while (count < 0 && errno == EINTR);
    errno = saved;   /* EAGAIN: the pipe is full, so it is readable all the same */
}

/* To its end: what is watched edge triggered would tell of no byte that came before the drain. */
void strand_wakefd_drain(const struct strand_wakefd *wakefd)
{
    char bytes[512];
    ssize_t count;
    do
        count = read(wakefd->fd, bytes, sizeof bytes);
    while (count == (ssize_t)sizeof bytes || (count < 0 && errno == EINTR));
}

void strand_wakefd_close(const struct strand_wakefd *wakefd)
{
    close(wakefd->fd);
    close(wakefd->signal_fd);
}
