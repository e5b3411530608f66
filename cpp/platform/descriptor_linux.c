/* SPDX-License-Identifier: Apache-2.0 */
#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

/* A terminal that is written to after a poll has room for some bytes, but says not for how many. */
enum { TERMINAL_WRITE_BYTES = 256, MEMORY_DEVICES = 1 };

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

/* The memory devices that are files in all but name: null, zero, full, urandom. */
static bool always_ready_device(dev_t device)
{
    unsigned number = minor(device);
    return major(device) == MEMORY_DEVICES &&
           (number == 3 || number == 5 || number == 7 || number == 9);
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
        if (always_ready_device(status->st_rdev))
            return STRAND_DESCRIPTOR_FILE;
    }
    return STRAND_DESCRIPTOR_OTHER;
}

/* Opening a pty's master anew would make another pty: only a master knows its slave's number. */
static bool is_pty_master(int fd)
{
    int number;
    return ioctl(fd, TIOCGPTN, &number) == 0;
}

/* A description of our own, or -1. */
static int reopen_terminal(int fd)
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

int strand_descriptor_init(struct strand_descriptor *d, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    d->fd = d->given_fd = fd;
    d->kind = kind_of(fd, &status);
    d->nowait = d->kind != STRAND_DESCRIPTOR_OTHER;
    if (d->kind != STRAND_DESCRIPTOR_SOCKET && d->kind != STRAND_DESCRIPTOR_FILE)
        quiet_sigpipe();
    if (d->kind == STRAND_DESCRIPTOR_TERMINAL) {
        int own = reopen_terminal(fd);
        d->nowait = own >= 0;
        if (own >= 0)
            d->fd = own;
    }
    return 0;
}

/* Linux closes the descriptor also where close gives EINTR; closing it again could hit
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

/* 0 when a call for these events would not wait, -EAGAIN, -errno. */
static int poll_now(int fd, short events)
{
    struct pollfd request = {.fd = fd, .events = events};
    int count;
    do
        count = poll(&request, 1, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    return count == 0 ? -EAGAIN : 0;
}

static bool refuses_nowait(int error)
{
    return error == EOPNOTSUPP || error == EINVAL || error == ENOSYS || error == EPERM;
}

static ssize_t result_of(ssize_t count)
{
    if (count >= 0)
        return count;
    return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static ssize_t plain_read(int fd, void *to, size_t size)
{
    ssize_t count;
    do
        count = read(fd, to, size);
    while (count < 0 && errno == EINTR);
    return result_of(count);
}

static ssize_t plain_write(int fd, const void *from, size_t size)
{
    ssize_t count;
    do
        count = write(fd, from, size);
    while (count < 0 && errno == EINTR);
    return result_of(count);
}

static ssize_t polled_read(int fd, void *to, size_t size)
{
    int status = poll_now(fd, POLLIN);
    return status != 0 ? status : plain_read(fd, to, size);
}

static ssize_t polled_write(int fd, const void *from, size_t size, size_t most)
{
    int status = poll_now(fd, POLLOUT);
    return status != 0 ? status : plain_write(fd, from, size < most ? size : most);
}

static ssize_t socket_read(int fd, void *to, size_t size)
{
    ssize_t count;
    do
        count = recv(fd, to, size, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return result_of(count);
}

static ssize_t socket_write(int fd, const void *from, size_t size)
{
    ssize_t count;
    do
        count = send(fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return result_of(count);
}

static ssize_t pipe_read(struct strand_descriptor *d, void *to, size_t size)
{
    struct iovec part = {.iov_base = to, .iov_len = size};
    while (d->nowait) {
        ssize_t count = preadv2(d->fd, &part, 1, -1, RWF_NOWAIT);
        if (count >= 0 || (errno != EINTR && !refuses_nowait(errno)))
            return result_of(count);
        d->nowait = errno == EINTR;
    }
    return polled_read(d->fd, to, size);
}

static ssize_t pipe_write(struct strand_descriptor *d, const void *from, size_t size)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
    while (d->nowait) {
        ssize_t count = pwritev2(d->fd, &part, 1, -1, RWF_NOWAIT);
        if (count >= 0 || (errno != EINTR && !refuses_nowait(errno)))
            return result_of(count);
        d->nowait = errno == EINTR;
    }
    return polled_write(d->fd, from, size, PIPE_BUF);
}

ssize_t strand_descriptor_read(struct strand_descriptor *d, void *to, size_t size)
{
    if (size > SSIZE_MAX)
        size = SSIZE_MAX;
    if (size == 0)
        return 0;
    if (d->kind == STRAND_DESCRIPTOR_SOCKET)
        return socket_read(d->fd, to, size);
    if (d->kind == STRAND_DESCRIPTOR_PIPE)
        return pipe_read(d, to, size);
    return d->nowait ? plain_read(d->fd, to, size) : polled_read(d->fd, to, size);
}

ssize_t strand_descriptor_write(struct strand_descriptor *d, const void *from, size_t size)
{
    if (size > SSIZE_MAX)
        size = SSIZE_MAX;
    if (d->kind == STRAND_DESCRIPTOR_SOCKET)
        return socket_write(d->fd, from, size);
    if (d->kind == STRAND_DESCRIPTOR_PIPE)
        return pipe_write(d, from, size);
    if (d->nowait)
        return plain_write(d->fd, from, size);
    return polled_write(d->fd, from, size,
                        d->kind == STRAND_DESCRIPTOR_TERMINAL ? TERMINAL_WRITE_BYTES : PIPE_BUF);
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

int strand_wakefd_create(void)
{
    return strand_descriptor_above_standard(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

void strand_wakefd_signal(int wakefd)
{
    int saved = errno;
    uint64_t one = 1;
    ssize_t count;
    do
        count = write(wakefd, &one, sizeof one);
    while (count < 0 && errno == EINTR);
    errno = saved;   /* EAGAIN: the counter is full, so it is readable all the same */
}

void strand_wakefd_drain(int wakefd)
{
    uint64_t count;
    while (read(wakefd, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

void strand_wakefd_close(int wakefd)
{
    close(wakefd);
}
