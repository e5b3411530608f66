// SPDX-License-Identifier: Apache-2.0
// What wakes the holder, on this system's file and on the one for systems without eventfd.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <vector>

extern "C" {
#include "wakefd.h"
}

namespace {

class Wakefd : public testing::Test {
protected:
    void SetUp() override { ASSERT_EQ(strand_wakefd_create(&wakefd), 0); }
    void TearDown() override { strand_wakefd_close(&wakefd); }

    bool readable() const
    {
        pollfd request = {wakefd.fd, POLLIN, 0};
        return poll(&request, 1, 0) == 1;
    }

    bool writable() const
    {
        pollfd request = {wakefd.signal_fd, POLLOUT, 0};
        return poll(&request, 1, 0) == 1;
    }

    strand_wakefd wakefd;
};

TEST_F(Wakefd, shouldBeReadableFromSignalUntilDrained)
{
    EXPECT_FALSE(readable());
    strand_wakefd_drain(&wakefd);   // waits for nothing
    std::thread([&] { strand_wakefd_signal(&wakefd); }).join();
    EXPECT_TRUE(readable());
    strand_wakefd_signal(&wakefd);
    strand_wakefd_drain(&wakefd);
    EXPECT_FALSE(readable());
    strand_wakefd_signal(&wakefd);
    EXPECT_TRUE(readable());
}

// Nobody drains while the carrier is held: 200,000 signals are more than a pipe holds.
TEST_F(Wakefd, shouldNeitherWaitNorTouchErrnoWhenSignalledOverAndOver)
{
    for (int i = 0; i < 200000; i++) {
        errno = 77;
        strand_wakefd_signal(&wakefd);
        ASSERT_EQ(errno, 77);
    }
    EXPECT_TRUE(readable());
    strand_wakefd_drain(&wakefd);
    EXPECT_FALSE(readable());
    EXPECT_TRUE(writable());
}

TEST_F(Wakefd, shouldCloseOnExec)
{
    EXPECT_EQ(fcntl(wakefd.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(fcntl(wakefd.signal_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(WakefdOutOfDescriptors, shouldLeaveNothingBehind)
{
    // Duplicates until nothing is left, then gives one back: too few for a pipe.
    rlimit before, few;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = {64, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    std::vector<int> all;
    for (int fd; (fd = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0;)
        all.push_back(fd);
    for (int free = 0; free < 2; free++) {
        strand_wakefd wakefd;
        int status = strand_wakefd_create(&wakefd);
        if (status == 0) {
            EXPECT_EQ(free, 1);   // an eventfd is one
            EXPECT_EQ(wakefd.fd, wakefd.signal_fd);
            strand_wakefd_close(&wakefd);
        } else {
            EXPECT_EQ(status, -EMFILE);
        }
        int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
        EXPECT_EQ(next >= 0, free == 1);
        if (next >= 0)
            close(next);
        close(all.back());
        all.pop_back();
    }
    for (int fd : all)
        close(fd);
    setrlimit(RLIMIT_NOFILE, &before);
}

}   // namespace
