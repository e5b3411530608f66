/* SPDX-License-Identifier: Apache-2.0 */
/* Darwin has neither SOCK_NONBLOCK nor accept4 nor MSG_NOSIGNAL: what they do is done after the
 * fact, so that a fork and exec of another thread in between may hand a socket down. */
#include "socket_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* EINVAL from setsockopt: the peer has gone already (setsockopt(2), "shut down"). */
static int prepare(int fd)
{
    int on = 1;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0)
        return strand_descriptor_above_standard(fd);
    int status = errno == EINVAL ? -ECONNABORTED : -errno;
    close(fd);
    return status;
}

int strand_socket_open(int family)
{
    int fd = socket(family, SOCK_STREAM, 0);
    return fd < 0 ? -errno : prepare(fd);
}

/* A socket has no mode of its own there. Nobody can connect yet: listen(2) comes afterwards. */
int strand_socket_bind(int fd, const struct strand_address *address)
{
    const char *path = strand_address_path(address);
    if (bind(fd, strand_socket_sockaddr(address), address->length) < 0)
        return -errno;
    if (!path || fchmodat(AT_FDCWD, path, S_IRUSR | S_IWUSR, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    int status = -errno;
    (void)unlink(path);
    return status;
}

/* Never known: Darwin refuses a connection also while a server that lives has no room for more, and
 * a socket file removed then would cut that server off. Its owner removes it. */
bool strand_socket_is_stale(const struct strand_address *address)
{
    (void)address;
    return false;
}

/* accept(2) */
int strand_socket_accept(int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0)
        return prepare(fd);
    return errno == EINTR || errno == ECONNABORTED ? -ECONNABORTED : -errno;
}
