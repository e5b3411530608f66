/* SPDX-License-Identifier: Apache-2.0 */
/* What the bare servers need before their loops: a listening socket, and its port printed. */
#ifndef STRAND_BENCH_ECHO_LISTEN_H
#define STRAND_BENCH_ECHO_LISTEN_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../measure.h"

static inline int listen_on_loopback(void)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, SOMAXCONN) != 0)
        measure_fail("listen", errno);
    return fd;
}

static inline void listen_print_port(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        measure_fail("getsockname", errno);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

static inline void listen_set_nodelay(int fd)
{
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        measure_fail("TCP_NODELAY", errno);
}

#endif
