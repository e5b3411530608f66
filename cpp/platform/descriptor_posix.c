/* SPDX-License-Identifier: Apache-2.0 */
#include "descriptor_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* A terminal that has room says not for how much. */
enum { TERMINAL_WRITE_BYTES = 256 };

static void ignore_signal(int signal)
{
    (void)signal;
}

static void quiet_sigpipe(void)
{
    static atomic_bool done;
    struct sigaction action;
    if (atomic_exchange(&done, true) || sigaction(SIGPIPE, NULL, &action) != 0)
        return;
    if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_DFL)
        return;
    action.sa_handler = ignore_signal;
    action.sa_flags = SA_RESTART;
    (void)sigaction(SIGPIPE, &action, NULL);
}

static enum strand_descriptor_kind kind_of(int fd, const struct stat *status)
{
    switch (status->st_mode & S_IFMT) {
    case S_IFSOCK:
        return STRAND_DESCRIPTOR_SOCKET;
    case S_IFIFO:
        return STRAND_DESCRIPTOR_PIPE;
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK:
        return STRAND_DESCRIPTOR_FILE;
    case S_IFCHR:
        if (isatty(fd))
            return STRAND_DESCRIPTOR_TERMINAL;
        if (strand_descriptor_always_ready(status))
            return STRAND_DESCRIPTOR_FILE;
    }
    return STRAND_DESCRIPTOR_OTHER;
}

int strand_descriptor_init(struct strand_descriptor *d, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    d->fd = d->given_fd = fd;
    d->kind = kind_of(fd, &status);
    if (strand_descriptor_raises_sigpipe(fd, d->kind))
        quiet_sigpipe();
    if (d->kind == STRAND_DESCRIPTOR_TERMINAL) {
        int own = strand_descriptor_reopen_terminal(fd);
        d->nowait = own >= 0;
        if (own >= 0)
            d->fd = own;
    } else {
        d->nowait = strand_descriptor_knows_nowait(fd, d->kind);
    }
    return 0;
}

/* Linux and Darwin close the descriptor also where close gives EINTR; closing it again could hit
 * another's. */
static int close_one(int fd)
{
    return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

int strand_descriptor_close(struct strand_descriptor *d, bool keep_given)
{
    int status = 0;
    if (d->fd != d->given_fd)
        status = close_one(d->fd);
    if (!keep_given) {
        int given_status = close_one(d->given_fd);
        if (status == 0)
            status = given_status;
    }
    d->fd = d->given_fd = -1;
    return status;
}

int strand_descriptor_would_wait(int fd, short events)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    return (flags & O_ACCMODE) == (events == POLLIN ? O_WRONLY : O_RDONLY) ? -EBADF : -EAGAIN;
}

int strand_descriptor_poll(int fd, short events)
{
    struct pollfd request = {.fd = fd, .events = events};
    int count;
    do
        count = poll(&request, 1, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    return count == 0 ? strand_descriptor_would_wait(fd, events) : 0;
}

ssize_t strand_descriptor_result(ssize_t count)
{
    if (count >= 0)
        return count;
    return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

ssize_t strand_descriptor_plain_read(int fd, void *to, size_t size)
{
    ssize_t count;
    do
        count = read(fd, to, size);
    while (count < 0 && errno == EINTR);
    return strand_descriptor_result(count);
}

ssize_t strand_descriptor_plain_write(int fd, const void *from, size_t size)
{
    ssize_t count;
    do
        count = write(fd, from, size);
    while (count < 0 && errno == EINTR);
    return strand_descriptor_result(count);
}

ssize_t strand_descriptor_receive(int fd, void *to, size_t size)
{
    ssize_t count;
    do
        count = recv(fd, to, size, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return strand_descriptor_result(count);
}

size_t strand_descriptor_room(const struct strand_descriptor *d)
{
    return d->kind == STRAND_DESCRIPTOR_TERMINAL ? TERMINAL_WRITE_BYTES : PIPE_BUF;
}

int strand_descriptor_shutdown_write(struct strand_descriptor *d)
{
    if (d->kind != STRAND_DESCRIPTOR_SOCKET)
        return -ENOTSOCK;
    return shutdown(d->fd, SHUT_WR) == 0 ? 0 : -errno;
}

int strand_descriptor_above_standard(int fd)
{
    if (fd < 0)
        return -errno;
    if (fd > STDERR_FILENO)
        return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int status = higher >= 0 ? higher : -errno;
    close(fd);
    return status;
}
