/* SPDX-License-Identifier: Apache-2.0 */
#include "socket_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines are small and wait for answers: Nagle's delay is not for them. What a listener accepts
 * inherits it, on Linux and on Darwin. */
static void set_nodelay(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Other files than sockets are never touched, and connecting to them is refused as well, so the
 * kind is looked at first. */
static bool remove_stale_file(const struct strand_address *address)
{
    struct stat file;
    const char *path = strand_address_path(address);
    return path && lstat(path, &file) == 0 && S_ISSOCK(file.st_mode) &&
           strand_socket_is_stale(address) && unlink(path) == 0;
}

static int bind_to(int fd, const struct strand_address *address)
{
    int status = strand_socket_bind(fd, address);
    if (status != -EADDRINUSE || !remove_stale_file(address))
        return status;
    return strand_socket_bind(fd, address);
}

static void remember_file(const struct strand_address *address, struct strand_socket_file *file)
{
    struct stat now;
    const char *path = strand_address_path(address);
    *file = (struct strand_socket_file){0, 0};
    if (path && lstat(path, &now) == 0)
        *file = (struct strand_socket_file){(uint64_t)now.st_dev, now.st_ino};
}

int strand_socket_listen(const struct strand_address *address, int backlog,
                         struct strand_socket_file *file)
{
    int on = 1;
    int fd = strand_socket_open(address->storage.ss_family);
    if (fd < 0)
        return fd;
    if (address->storage.ss_family != AF_UNIX) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        set_nodelay(fd);
    }
    int status = bind_to(fd, address);
    if (status < 0) {
        close(fd);
        return status;
    }
    remember_file(address, file);
    if (listen(fd, backlog > 0 ? backlog : SOMAXCONN) < 0) {
        status = -errno;
        strand_socket_listen_end(fd, address, file);
        return status;
    }
    return fd;
}

void strand_socket_listen_end(int fd, const struct strand_address *address,
                              const struct strand_socket_file *file)
{
    struct stat now;
    const char *path = strand_address_path(address);
    if (path && file->inode && lstat(path, &now) == 0 && (uint64_t)now.st_dev == file->device &&
        now.st_ino == file->inode)
        unlink(path);
    close(fd);
}

int strand_socket_name(int fd, struct strand_address *out)
{
    out->length = sizeof out->storage;
    return getsockname(fd, (struct sockaddr *)&out->storage, &out->length) < 0 ? -errno : 0;
}

int strand_socket_connect(const struct strand_address *address, bool *pending)
{
    int fd = strand_socket_open(address->storage.ss_family);
    if (fd < 0)
        return fd;
    if (address->storage.ss_family != AF_UNIX)
        set_nodelay(fd);
    *pending = false;
    if (connect(fd, strand_socket_sockaddr(address), address->length) == 0)
        return fd;
    if (errno == EINPROGRESS || errno == EINTR) {
        *pending = true;
        return fd;
    }
    int status = -errno;
    close(fd);
    return status;
}

int strand_socket_connected(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t length = sizeof error;
    int count;
    do
        count = poll(&ready, 1, 0);
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        return count == 0 ? -EAGAIN : -errno;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -errno : -error;
}

void strand_socket_close(int fd)
{
    close(fd);
}

int strand_socket_duplicate(int fd)
{
    int other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return other < 0 ? -errno : other;
}

bool strand_socket_short_read_tells(const struct strand_descriptor *d)
{
    struct strand_address address;
    int type = 0;
    socklen_t length = sizeof type;
    return d->kind == STRAND_DESCRIPTOR_SOCKET &&
           getsockopt(d->fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM &&
           strand_socket_name(d->fd, &address) == 0 && strand_address_short_read_tells(&address);
}

bool strand_address_short_read_tells(const struct strand_address *address)
{
    return address->storage.ss_family == AF_INET || address->storage.ss_family == AF_INET6;
}
