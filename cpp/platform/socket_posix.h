/* SPDX-License-Identifier: Apache-2.0 */
/* What socket_posix.c wants of socket_<system>.c, besides strand_socket_accept. */
#ifndef STRAND_PLATFORM_SOCKET_POSIX_H
#define STRAND_PLATFORM_SOCKET_POSIX_H

#include "socket.h"

/* A stream socket as socket.h promises them, or -errno. */
int strand_socket_open(int family);
/* bind(2): 0, -errno. A unix socket's file is its owner's alone (0600), from its first moment on. */
int strand_socket_bind(int fd, const struct strand_address *address);
/* Whether nobody serves the unix socket of this address any more. */
bool strand_socket_is_stale(const struct strand_address *address);

static inline const struct sockaddr *strand_socket_sockaddr(const struct strand_address *address)
{
    return (const struct sockaddr *)&address->storage;
}

#endif
