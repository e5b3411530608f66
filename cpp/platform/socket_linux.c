/* SPDX-License-Identifier: Apache-2.0 */
#include "socket_posix.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int strand_socket_open(int family)
{
    return strand_descriptor_above_standard(
        socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/* The file gets the socket's own mode, less the umask, which belongs to the process. */
int strand_socket_bind(int fd, const struct strand_address *address)
{
    if (strand_address_path(address) && fchmod(fd, S_IRUSR | S_IWUSR) < 0)
        return -errno;
    return bind(fd, strand_socket_sockaddr(address), address->length) < 0 ? -errno : 0;
}

/* Its connections are refused: its server is gone. One that has no room for more gives EAGAIN. */
bool strand_socket_is_stale(const struct strand_address *address)
{
    int fd = strand_socket_open(AF_UNIX);
    if (fd < 0)
        return false;
    bool refused = connect(fd, strand_socket_sockaddr(address), address->length) < 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return refused;
}

/* accept(2): errors of the network that are already pending on the new socket. */
static int accept_error(int error)
{
    switch (error) {
    case EPROTO: case ENETDOWN: case ENOPROTOOPT: case EHOSTDOWN: case ENONET: case EHOSTUNREACH:
    case EOPNOTSUPP: case ENETUNREACH: case ECONNABORTED: case EINTR:
        return -ECONNABORTED;
    default:
        return -error;
    }
}

int strand_socket_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? accept_error(errno) : strand_descriptor_above_standard(fd);
}
