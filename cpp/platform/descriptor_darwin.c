/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Darwin lacks three things that Linux has: a read of a pipe that does not wait, a name for every
 * open file (/dev/fd/N is a duplicate, so that its flags are everybody's), and a send that does not
 * wait. Nor does poll(2) know devices there ("BUGS" in its manual page); select(2) does.
 */
#include "descriptor_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/ttycom.h>
#include <unistd.h>

enum { TTY_NAME_BYTES = 128 };   /* as TIOCPTYGNAME has it */

static bool is_device(const struct stat *status, const char *path)
{
    struct stat device;
    return stat(path, &device) == 0 && S_ISCHR(device.st_mode) &&
           device.st_rdev == status->st_rdev;
}

bool strand_descriptor_always_ready(const struct stat *status)
{
    return is_device(status, "/dev/null") || is_device(status, "/dev/zero") ||
           is_device(status, "/dev/random") || is_device(status, "/dev/urandom");
}

/* A pty's master is a terminal too, but its name opens another pty. Only a master knows its
 * slave's name. */
static bool is_pty_master(int fd)
{
    char name[TTY_NAME_BYTES];
    return ioctl(fd, TIOCPTYGNAME, name) == 0;
}

/* By its name, which may lead elsewhere (a chroot, a terminal gone): it is not used then. */
int strand_descriptor_reopen_terminal(int fd)
{
    char path[TTY_NAME_BYTES];
    struct stat given, opened;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || is_pty_master(fd) || ttyname_r(fd, path, sizeof path) != 0)
        return -1;
    int own = strand_descriptor_above_standard(
        open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own < 0)
        return -1;
    if (isatty(own) && fstat(fd, &given) == 0 && fstat(own, &opened) == 0 &&
        given.st_rdev == opened.st_rdev)
        return own;
    close(own);
    return -1;
}

/* Sockets of our own making are non-blocking; those that others gave us as their owners like. */
bool strand_descriptor_knows_nowait(int fd, enum strand_descriptor_kind kind)
{
    if (kind == STRAND_DESCRIPTOR_SOCKET) {
        int flags = fcntl(fd, F_GETFL);
        return flags >= 0 && (flags & O_NONBLOCK) != 0;
    }
    return kind == STRAND_DESCRIPTOR_FILE;
}

/* SO_NOSIGPIPE is the socket's, so everybody's who has it open: it is set only on our own. */
bool strand_descriptor_raises_sigpipe(int fd, enum strand_descriptor_kind kind)
{
    int quiet = 0;
    socklen_t length = sizeof quiet;
    if (kind == STRAND_DESCRIPTOR_SOCKET)
        return getsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &quiet, &length) != 0 || !quiet;
    return kind != STRAND_DESCRIPTOR_FILE;
}

/* As strand_descriptor_poll. A set ends at FD_SETSIZE; poll is a better guess than none. */
static int select_now(int fd, short events)
{
    struct timeval at_once = {0, 0};
    int count;
    if (fd >= FD_SETSIZE)
        return strand_descriptor_poll(fd, events);
    do {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(fd, &set);
        count = events == POLLIN ? select(fd + 1, &set, NULL, NULL, &at_once)
                                 : select(fd + 1, NULL, &set, NULL, &at_once);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    return count == 0 ? strand_descriptor_would_wait(fd, events) : 0;
}

static int look(const struct strand_descriptor *d, short events)
{
    if (d->kind == STRAND_DESCRIPTOR_SOCKET || d->kind == STRAND_DESCRIPTOR_PIPE)
        return strand_descriptor_poll(d->fd, events);
    return select_now(d->fd, events);
}

static ssize_t send_once(int fd, const void *from, size_t size)
{
    ssize_t count;
    do
        count = send(fd, from, size, 0);
    while (count < 0 && errno == EINTR);
    return strand_descriptor_result(count);
}

/* A socket is writable when it has room for SO_SNDLOWAT bytes: so many do not wait. */
static ssize_t socket_write(const struct strand_descriptor *d, const void *from, size_t size)
{
    int room = 0;
    socklen_t length = sizeof room;
    if (d->nowait)
        return send_once(d->fd, from, size);
    int status = strand_descriptor_poll(d->fd, POLLOUT);
    if (status != 0)
        return status;
    if (getsockopt(d->fd, SOL_SOCKET, SO_SNDLOWAT, &room, &length) != 0 || room < 1)
        room = 1;
    return send_once(d->fd, from, size < (size_t)room ? size : (size_t)room);
}

ssize_t strand_descriptor_read(struct strand_descriptor *d, void *to, size_t size)
{
    if (size > INT_MAX)   /* more is EINVAL (read(2), write(2)) */
        size = INT_MAX;
    if (size == 0)
        return 0;
    if (d->kind == STRAND_DESCRIPTOR_SOCKET)
        return strand_descriptor_receive(d->fd, to, size);
    int status = d->nowait ? 0 : look(d, POLLIN);
    return status != 0 ? status : strand_descriptor_plain_read(d->fd, to, size);
}

ssize_t strand_descriptor_write(struct strand_descriptor *d, const void *from, size_t size)
{
    if (size > INT_MAX)   /* more is EINVAL (read(2), write(2)) */
        size = INT_MAX;
    if (d->kind == STRAND_DESCRIPTOR_SOCKET)
        return socket_write(d, from, size);
    if (d->nowait)
        return strand_descriptor_plain_write(d->fd, from, size);
    int status = look(d, POLLOUT);
    size_t room = strand_descriptor_room(d);
    return status != 0 ? status
                       : strand_descriptor_plain_write(d->fd, from, size < room ? size : room);
}
