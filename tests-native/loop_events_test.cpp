// SPDX-License-Identifier: Apache-2.0
// What events say and what a batch holds, the same over every kernel.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "loop_fixture.h"

namespace {

struct LoopEvents : Loop {
    int left = -1, right = -1;      // a pair of sockets

    LoopEvents()
    {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        left = ends[0], right = ends[1];
    }
    ~LoopEvents() override
    {
        shut(&left);
        shut(&right);
    }
    static void shut(int *fd)
    {
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
    }
    // A connected pair over TCP, which knows urgent data and resets.
    void connect_over_tcp()
    {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto *any = reinterpret_cast<sockaddr *>(&address);
        socklen_t length = sizeof address;
        shut(&left);
        shut(&right);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_EQ(bind(listener, any, length), 0);
        ASSERT_EQ(listen(listener, 1), 0);
        ASSERT_EQ(getsockname(listener, any, &length), 0);
        right = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_EQ(connect(right, any, length), 0);
        left = accept(listener, nullptr, nullptr);
        ASSERT_GE(left, 0);
        close(listener);
    }
    static size_t fill(int fd)
    {
        static const char bytes[4096] = {};
        size_t filled = 0;
        for (ssize_t count; (count = send(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0;)
            filled += size_t(count);
        return filled;
    }
    static void take(int fd, size_t size)
    {
        static char bytes[4096];
        for (ssize_t count; size > 0; size -= size_t(count)) {
            count = recv(fd, bytes, sizeof bytes, 0);
            ASSERT_GT(count, 0);
        }
    }
};

TEST_F(LoopEvents, shouldTellBothDirectionsInOneCall)
{
    Watch watch(left);
    put(right);
    ASSERT_EQ(strand_loop_add(loop, &watch.watch), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(watch.events, unsigned(STRAND_LOOP_READABLE | STRAND_LOOP_WRITABLE));
}

// Streams take a short read for an empty socket unless they were told that the end may lie behind.
TEST_F(LoopEvents, shouldTellOfTheEndInEveryEventThatFollows)
{
    Watch watch(left);
    size_t filled = fill(left);
    ASSERT_EQ(strand_loop_add(loop, &watch.watch), 0);
    shutdown(right, SHUT_WR);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(watch.events, unsigned(STRAND_LOOP_READABLE | STRAND_LOOP_HANGUP));
    take(right, filled);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_TRUE(watch.events & STRAND_LOOP_WRITABLE);
    EXPECT_TRUE(watch.events & STRAND_LOOP_HANGUP);
}

TEST_F(LoopEvents, shouldNotTellTheNextOfADescriptorOfTheEndOfTheLast)
{
    auto first = std::make_unique<Watch>(left);
    ASSERT_EQ(strand_loop_add(loop, &first->watch), 0);
    shutdown(right, SHUT_WR);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    ASSERT_TRUE(first->events & STRAND_LOOP_HANGUP);
    strand_loop_remove(loop, &first->watch);
    ASSERT_EQ(dup2(writing, left), left);
    Watch second(left);
    ASSERT_EQ(strand_loop_add(loop, &second.watch), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(second.events, unsigned(STRAND_LOOP_WRITABLE));
}

TEST_F(LoopEvents, shouldNotTakeAShutdownOfBothHalvesForAnError)
{
    Watch watch(left);
    ASSERT_EQ(strand_loop_add(loop, &watch.watch), 0);
    shutdown(left, SHUT_WR);
    shutdown(right, SHUT_WR);
    EXPECT_GE(strand_loop_poll(loop, 0), 1);
    EXPECT_TRUE(watch.events & STRAND_LOOP_HANGUP);
    EXPECT_FALSE(watch.events & STRAND_LOOP_ERROR);
}

TEST_F(LoopEvents, shouldReportAResetAsAnErrorInBothDirections)
{
    connect_over_tcp();
    Watch watch(left);
    linger reset = {1, 0};
    fill(left);
    ASSERT_EQ(strand_loop_add(loop, &watch.watch), 0);
    setsockopt(right, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    shut(&right);
    EXPECT_EQ(strand_loop_poll(loop, INT64_MAX), 1);
    EXPECT_EQ(watch.events, unsigned(STRAND_LOOP_READABLE | STRAND_LOOP_WRITABLE |
                                     STRAND_LOOP_HANGUP | STRAND_LOOP_ERROR));
}

TEST_F(LoopEvents, shouldReportAPipeThatWasBrokenBeforeItWasAdded)
{
    shut(&reading);
    for (int round = 0; round < 2; round++) {
        Watch out(writing);
        ASSERT_EQ(strand_loop_add(loop, &out.watch), 0);
        EXPECT_EQ(strand_loop_poll(loop, 0), 1);
        EXPECT_EQ(out.events,
                  unsigned(STRAND_LOOP_READABLE | STRAND_LOOP_WRITABLE | STRAND_LOOP_ERROR));
        EXPECT_EQ(strand_loop_poll(loop, 0), 0);
        strand_loop_remove(loop, &out.watch);
    }
}

TEST_F(LoopEvents, shouldReportNothingOfABrokenPipeThatWasRemoved)
{
    shut(&reading);
    Watch out(writing);
    ASSERT_EQ(strand_loop_add(loop, &out.watch), 0);
    strand_loop_remove(loop, &out.watch);
    EXPECT_GE(poll_takes_ns(loop, 20000000), 20000000);
    EXPECT_EQ(out.calls, 0);
}

TEST_F(LoopEvents, shouldDropTheEventOfABrokenPipeThatWasLeftBehind)
{
    int quiet[2];
    open_pipe(&quiet[0], &quiet[1]);
    shut(&reading);
    Watch left_behind(writing), next(writing);
    ASSERT_EQ(strand_loop_add(loop, &left_behind.watch), 0);
    ASSERT_EQ(dup2(quiet[0], writing), writing);
    ASSERT_EQ(strand_loop_add(loop, &next.watch), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), 0);
    EXPECT_EQ(left_behind.calls + next.calls, 0);
    put(quiet[1]);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(next.calls, 1);
    close(quiet[0]);
    close(quiet[1]);
}

TEST_F(LoopEvents, shouldReportUrgentDataToWhomAsksForIt)
{
    connect_over_tcp();
    Watch watch(left);
    ASSERT_EQ(strand_loop_add_once(loop, &watch.watch, STRAND_LOOP_PRIORITY), 0);
    put(right);
    EXPECT_EQ(strand_loop_poll(loop, 0), 0);
    ASSERT_EQ(send(right, "!", 1, MSG_OOB), 1);
    EXPECT_EQ(strand_loop_poll(loop, INT64_MAX), 1);
    EXPECT_TRUE(watch.events & STRAND_LOOP_PRIORITY);
    EXPECT_EQ(strand_loop_count(loop), 0u);
}

TEST_F(LoopEvents, shouldReportAnEndOnceToWhomAskedForOneDirection)
{
    Watch out(writing);
    std::string full(4096, 'x');
    fcntl(writing, F_SETFL, O_NONBLOCK);
    while (write(writing, full.data(), full.size()) > 0)
        continue;
    ASSERT_EQ(strand_loop_add_once(loop, &out.watch, STRAND_LOOP_WRITABLE), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), 0);
    shut(&reading);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(out.events, unsigned(STRAND_LOOP_WRITABLE | STRAND_LOOP_ERROR));
    EXPECT_EQ(strand_loop_poll(loop, 0), 0);
}

// As in shouldDropEventsOfADescriptorClosedAndReusedInTheBatch, but nobody removed the watch.
TEST_F(LoopEvents, shouldDropEventsOfAWatchLeftBehindInTheBatch)
{
    std::unique_ptr<Watch> ready[2], reused;
    int ends[2][2];
    for (int i = 0; i < 2; i++) {
        open_pipe(&ends[i][0], &ends[i][1]);
        put(ends[i][1]);
        ready[i] = std::make_unique<Watch>(ends[i][0]);
        ready[i]->called = [&, i](unsigned) {
            ASSERT_EQ(dup2(reading, ends[1 - i][0]), ends[1 - i][0]);
            reused = std::make_unique<Watch>(ends[1 - i][0]);
            ASSERT_EQ(strand_loop_add(loop, &reused->watch), 0);
        };
        ASSERT_EQ(strand_loop_add(loop, &ready[i]->watch), 0);
    }
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(ready[0]->calls + ready[1]->calls, 1);
    EXPECT_EQ(reused->calls, 0);
    EXPECT_EQ(strand_loop_count(loop), 2u);
    for (auto &pipe : ends)
        for (int fd : pipe)
            close(fd);
}

TEST_F(LoopEvents, shouldRefuseADescriptorWhoseOnlyEventIsStillInTheBatch)
{
    std::unique_ptr<Watch> ready[2];
    int fds[2] = {reading, left}, refused = 0;
    put(writing);
    put(right);
    for (int i = 0; i < 2; i++) {
        ready[i] = std::make_unique<Watch>(fds[i]);
        ready[i]->called = [&, i](unsigned) {
            Watch second(fds[1 - i]);
            if (strand_loop_watched(&ready[1 - i]->watch))
                refused += strand_loop_add(loop, &second.watch) == -EEXIST;
        };
        ASSERT_EQ(strand_loop_add_once(loop, &ready[i]->watch, STRAND_LOOP_READABLE), 0);
    }
    EXPECT_EQ(strand_loop_poll(loop, 0), 2);
    EXPECT_EQ(refused, 1);
}

// The most descriptors that a process may have, while it lives.
struct MoreDescriptors {
    rlimit before;

    MoreDescriptors()
    {
        getrlimit(RLIMIT_NOFILE, &before);
        rlimit most = {before.rlim_max, before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &most);
    }
    ~MoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before); }
};

TEST_F(LoopEvents, shouldReportAThousandDescriptorsInOnePoll)
{
    constexpr int count = 1024;
    MoreDescriptors more;
    std::vector<std::unique_ptr<Watch>> watches;
    if (more.before.rlim_max < count + 64)
        GTEST_SKIP() << "only " << more.before.rlim_max << " descriptors";
    for (int i = 0; i < count; i += 2) {
        int ends[2];
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        for (int j : {0, 1}) {
            put(ends[1 - j]);
            watches.push_back(std::make_unique<Watch>(ends[j]));
        }
    }
    for (auto &watch : watches)
        ASSERT_EQ(strand_loop_add(loop, &watch->watch), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), count);
    int told = 0;
    for (auto &watch : watches) {
        told += watch->events == unsigned(STRAND_LOOP_READABLE | STRAND_LOOP_WRITABLE);
        close(watch->watch.fd);
    }
    EXPECT_EQ(told, count);
}

TEST_F(LoopEvents, shouldFetchOfALongBatchOnlyWhatIsStillWatched)
{
    constexpr int count = 24, gone = 5;
    std::unique_ptr<Watch> watches[count];
    int ends[count], right_of[count];
    for (int i = 0; i < count; i++) {
        open_pipe(&ends[i], &right_of[i]);
        put(right_of[i]);
        watches[i] = std::make_unique<Watch>(ends[i]);
        ASSERT_EQ(strand_loop_add(loop, &watches[i]->watch), 0);
    }
    watches[1]->called = [&](unsigned) {
        strand_loop_remove(loop, &watches[gone]->watch);
        watches[gone].reset();
    };
    EXPECT_EQ(strand_loop_poll(loop, 0), count - 1);
    int fetched = 0;
    for (int i = 0; i < count; i++) {
        if (i != gone) {
            EXPECT_EQ(watches[i]->calls, 1) << i;
            fetched += watches[i]->fetched;
            strand_loop_remove(loop, &watches[i]->watch);
        }
        close(ends[i]);
        close(right_of[i]);
    }
    EXPECT_EQ(fetched > 0, std::string(strand_loop_name) == "epoll");
}

}   // namespace
