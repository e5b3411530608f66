/* SPDX-License-Identifier: Apache-2.0 */
#include "descriptor_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

enum { MEMORY_DEVICES = 1 };

/* The memory devices that never wait: null, zero, full, urandom. */
bool strand_descriptor_always_ready(const struct stat *status)
{
    unsigned number = minor(status->st_rdev);
    return major(status->st_rdev) == MEMORY_DEVICES &&
           (number == 3 || number == 5 || number == 7 || number == 9);
}

/* Opening a pty's master anew would make another pty: only a master knows its slave's number. */
static bool is_pty_master(int fd)
{
    int number;
    return ioctl(fd, TIOCGPTN, &number) == 0;
}

int strand_descriptor_reopen_terminal(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || is_pty_master(fd))
        return -1;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = strand_descriptor_above_standard(
        open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own >= 0 && !isatty(own)) {
        close(own);
        return -1;
    }
    return own;
}

bool strand_descriptor_knows_nowait(int fd, enum strand_descriptor_kind kind)
{
    (void)fd;
    return kind != STRAND_DESCRIPTOR_OTHER;
}

bool strand_descriptor_raises_sigpipe(int fd, enum strand_descriptor_kind kind)
{
    (void)fd;
    return kind != STRAND_DESCRIPTOR_SOCKET && kind != STRAND_DESCRIPTOR_FILE;
}

static bool refuses_nowait(int error)
{
    return error == EOPNOTSUPP || error == EINVAL || error == ENOSYS || error == EPERM;
}

static ssize_t polled_read(const struct strand_descriptor *d, void *to, size_t size)
{
    int status = strand_descriptor_poll(d->fd, POLLIN);
    return status != 0 ? status : strand_descriptor_plain_read(d->fd, to, size);
}

static ssize_t polled_write(const struct strand_descriptor *d, const void *from, size_t size)
{
    size_t room = strand_descriptor_room(d);
    int status = strand_descriptor_poll(d->fd, POLLOUT);
    return status != 0 ? status
                       : strand_descriptor_plain_write(d->fd, from, size < room ? size : room);
}

static ssize_t socket_write(int fd, const void *from, size_t size)
{
    ssize_t count;
    do
        count = send(fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return strand_descriptor_result(count);
}

static ssize_t pipe_read(struct strand_descriptor *d, void *to, size_t size)
{
    struct iovec part = {.iov_base = to, .iov_len = size};
    while (d->nowait) {
        ssize_t count = preadv2(d->fd, &part, 1, -1, RWF_NOWAIT);
        if (count >= 0 || (errno != EINTR && !refuses_nowait(errno)))
            return strand_descriptor_result(count);
        d->nowait = errno == EINTR;
    }
    return polled_read(d, to, size);
}

static ssize_t pipe_write(struct strand_descriptor *d, const void *from, size_t size)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
    while (d->nowait) {
        ssize_t count = pwritev2(d->fd, &part, 1, -1, RWF_NOWAIT);
        if (count >= 0 || (errno != EINTR && !refuses_nowait(errno)))
            return strand_descriptor_result(count);
        d->nowait = errno == EINTR;
    }
    return polled_write(d, from, size);
}

ssize_t strand_descriptor_read(struct strand_descriptor *d, void *to, size_t size)
{
    if (size > SSIZE_MAX)
        size = SSIZE_MAX;
    if (size == 0)
        return 0;
    if (d->kind == STRAND_DESCRIPTOR_SOCKET)
        return strand_descriptor_receive(d->fd, to, size);
    if (d->kind == STRAND_DESCRIPTOR_PIPE)
        return pipe_read(d, to, size);
    return d->nowait ? strand_descriptor_plain_read(d->fd, to, size) : polled_read(d, to, size);
}

ssize_t strand_descriptor_write(struct strand_descriptor *d, const void *from, size_t size)
{
    if (size > SSIZE_MAX)
        size = SSIZE_MAX;
    if (d->kind == STRAND_DESCRIPTOR_SOCKET)
        return socket_write(d->fd, from, size);
    if (d->kind == STRAND_DESCRIPTOR_PIPE)
        return pipe_write(d, from, size);
    return d->nowait ? strand_descriptor_plain_write(d->fd, from, size)
                     : polled_write(d, from, size);
}
