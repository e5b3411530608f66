// SPDX-License-Identifier: Apache-2.0
// Sockets of our own making: cpp/platform/socket.
#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>

extern "C" {
#include "socket.h"
}

static int interruptions;

// In libc's place: as if a signal had come during the call.
extern "C" int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (interruptions > 0) {
        interruptions--;
        errno = EINTR;
        return -1;
    }
    timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
    return ppoll(fds, count, timeout_ms < 0 ? nullptr : &timeout, nullptr);
}

namespace {

TEST(Socket, shouldNotTakeAnInterruptedLookForAConnection)
{
    strand_address address;
    strand_socket_file file;
    ASSERT_EQ(strand_address_parse("127.0.0.1:0", &address), 0);
    int listener = strand_socket_listen(&address, 1, &file);
    ASSERT_GE(listener, 0);
    ASSERT_EQ(strand_socket_name(listener, &address), 0);

    // Nobody accepts: after two the queue is full, and the third stays on its way.
    int connections[3];
    bool pending[3];
    for (int i = 0; i < 3; i++) {
        connections[i] = strand_socket_connect(&address, &pending[i]);
        ASSERT_GE(connections[i], 0);
    }
    EXPECT_EQ(strand_socket_connected(connections[0]), 0);
    EXPECT_EQ(strand_socket_connected(connections[2]), -EAGAIN);
    interruptions = 2;
    EXPECT_EQ(strand_socket_connected(connections[2]), -EAGAIN);
    EXPECT_EQ(interruptions, 0);

    for (int connection : connections)
        strand_socket_close(connection);
    strand_socket_listen_end(listener, &address, &file);
}

}  // namespace
