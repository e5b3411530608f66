// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "loop_fixture.h"

namespace {

TEST_F(Loop, shouldSayItsName)
{
    EXPECT_STREQ(strand_loop_name, STRAND_TEST_LOOP);
}

TEST_F(Loop, shouldCallOncePerEdge)
{
    Watch in(reading);
    ASSERT_EQ(strand_loop_add(loop, &in.watch), 0);
    EXPECT_TRUE(strand_loop_watched(&in.watch));
    EXPECT_EQ(strand_loop_poll(loop, 0), 0);
    put(writing);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(in.events, STRAND_LOOP_READABLE);
    EXPECT_EQ(strand_loop_poll(loop, 0), 0);
    put(writing);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(in.calls, 2);
    strand_loop_remove(loop, &in.watch);
}

TEST_F(Loop, shouldReportWhatWasReadyBeforeItWasAdded)
{
    put(writing);
    Watch in(reading), out(writing);
    ASSERT_EQ(strand_loop_add(loop, &in.watch), 0);
    ASSERT_EQ(strand_loop_add(loop, &out.watch), 0);
    EXPECT_EQ(strand_loop_count(loop), 2u);
    EXPECT_EQ(strand_loop_poll(loop, INT64_MAX), 2);
    EXPECT_EQ(in.events, STRAND_LOOP_READABLE);
    EXPECT_EQ(out.events, STRAND_LOOP_WRITABLE);
}

TEST_F(Loop, shouldReportTheEndOfAPipeAsReadableAndHungUp)
{
    Watch in(reading);
    ASSERT_EQ(strand_loop_add(loop, &in.watch), 0);
    close(writing);
    writing = -1;
    EXPECT_EQ(strand_loop_poll(loop, INT64_MAX), 1);
    EXPECT_TRUE(in.events & STRAND_LOOP_READABLE);
    EXPECT_TRUE(in.events & STRAND_LOOP_HANGUP);
    EXPECT_FALSE(in.events & STRAND_LOOP_ERROR);
}

TEST_F(Loop, shouldReportAPipeWithoutReaderAsWritableAndBroken)
{
    Watch out(writing);
    ASSERT_EQ(strand_loop_add(loop, &out.watch), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    close(reading);
    reading = -1;
    EXPECT_EQ(strand_loop_poll(loop, INT64_MAX), 1);
    EXPECT_TRUE(out.events & STRAND_LOOP_WRITABLE);
    EXPECT_TRUE(out.events & STRAND_LOOP_ERROR);
}

TEST_F(Loop, shouldReportAHalfClosedSocket)
{
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    Watch watch(ends[0]);
    ASSERT_EQ(strand_loop_add(loop, &watch.watch), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(watch.events, STRAND_LOOP_WRITABLE);
    put(ends[1], "last");
    shutdown(ends[1], SHUT_WR);
    EXPECT_EQ(strand_loop_poll(loop, INT64_MAX), 1);
    EXPECT_TRUE(watch.events & STRAND_LOOP_READABLE);
    EXPECT_TRUE(watch.events & STRAND_LOOP_HANGUP);
    strand_loop_remove(loop, &watch.watch);
    close(ends[0]);
    close(ends[1]);
}

TEST_F(Loop, shouldRefuseWhatIsAlwaysReady)
{
    char path[] = "/tmp/strand-loop-XXXXXX";
    int file = mkstemp(path), read_only = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd : {file, read_only, null}) {
        Watch watch(fd);
        EXPECT_EQ(strand_loop_add(loop, &watch.watch), -EPERM);
        EXPECT_EQ(strand_loop_add_once(loop, &watch.watch, STRAND_LOOP_READABLE), -EPERM);
        EXPECT_FALSE(strand_loop_watched(&watch.watch));
        close(fd);
    }
    EXPECT_EQ(strand_loop_count(loop), 0u);
}

TEST_F(Loop, shouldRefuseADescriptorTwiceAndAClosedOne)
{
    Watch first(reading), second(reading), none(-1), closed(1 << 16);
    ASSERT_EQ(strand_loop_add(loop, &first.watch), 0);
    EXPECT_EQ(strand_loop_add(loop, &second.watch), -EEXIST);
    EXPECT_EQ(strand_loop_add(loop, &none.watch), -EBADF);
    EXPECT_EQ(strand_loop_add(loop, &closed.watch), -EBADF);
    put(writing);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(first.calls, 1);
    strand_loop_remove(loop, &second.watch);
    EXPECT_EQ(strand_loop_count(loop), 1u);
}

TEST_F(Loop, shouldWatchOnceForTheEventsAskedAndFindItselfRemoved)
{
    Watch in(reading), out(writing);
    bool watched = true;
    in.called = [&](unsigned) { watched = strand_loop_watched(&in.watch); };
    ASSERT_EQ(strand_loop_add_once(loop, &in.watch, STRAND_LOOP_READABLE), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), 0);
    put(writing);
    EXPECT_EQ(strand_loop_poll(loop, INT64_MAX), 1);
    EXPECT_FALSE(watched);
    EXPECT_EQ(in.events, STRAND_LOOP_READABLE);
    EXPECT_EQ(strand_loop_poll(loop, 0), 0);
    EXPECT_EQ(strand_loop_count(loop), 0u);
    ASSERT_EQ(strand_loop_add_once(loop, &in.watch, STRAND_LOOP_READABLE), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    ASSERT_EQ(strand_loop_add_once(loop, &out.watch, STRAND_LOOP_WRITABLE), 0);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(out.events, STRAND_LOOP_WRITABLE);
}

// Two watches ready in one batch; whichever is called first closes the other's descriptor, opens a
// quiet one of the same number and watches that.
TEST_F(Loop, shouldDropEventsOfADescriptorClosedAndReusedInTheBatch)
{
    int ends[2][2], quiet[2];
    std::unique_ptr<Watch> ready[2], reused;
    open_pipe(&quiet[0], &quiet[1]);
    for (int i = 0; i < 2; i++) {
        open_pipe(&ends[i][0], &ends[i][1]);
        ready[i] = std::make_unique<Watch>(ends[i][0]);
        put(ends[i][1]);
        ASSERT_EQ(strand_loop_add(loop, &ready[i]->watch), 0);
        ready[i]->called = [&, i](unsigned) {
            int other = ends[1 - i][0];
            strand_loop_remove(loop, &ready[1 - i]->watch);
            ASSERT_EQ(dup3(quiet[0], other, O_CLOEXEC), other);
            reused = std::make_unique<Watch>(other);
            ASSERT_EQ(strand_loop_add(loop, &reused->watch), 0);
        };
    }
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(ready[0]->calls + ready[1]->calls, 1);
    EXPECT_EQ(reused->calls, 0);
    put(quiet[1]);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(reused->calls, 1);
    for (int fd : {ends[0][0], ends[0][1], ends[1][0], ends[1][1], quiet[0], quiet[1]})
        close(fd);
}

TEST_F(Loop, shouldDropAWatchLeftBehindByACloseWithoutHarmToTheNext)
{
    int left, peer, fresh;
    open_pipe(&left, &peer);
    Watch first(left);
    ASSERT_EQ(strand_loop_add(loop, &first.watch), 0);
    close(left);
    fresh = fcntl(reading, F_DUPFD_CLOEXEC, left);
    ASSERT_EQ(fresh, left);
    Watch second(fresh);
    ASSERT_EQ(strand_loop_add(loop, &second.watch), 0);
    EXPECT_FALSE(strand_loop_watched(&first.watch));
    EXPECT_EQ(strand_loop_count(loop), 1u);
    strand_loop_remove(loop, &first.watch);
    put(writing);
    EXPECT_EQ(strand_loop_poll(loop, 0), 1);
    EXPECT_EQ(second.calls, 1);
    close(fresh);
    close(peer);
}

TEST_F(Loop, shouldRemoveTwiceWithoutHarm)
{
    Watch in(reading);
    strand_loop_remove(loop, &in.watch);
    ASSERT_EQ(strand_loop_add(loop, &in.watch), 0);
    strand_loop_remove(loop, &in.watch);
    strand_loop_remove(loop, &in.watch);
    put(writing);
    EXPECT_EQ(strand_loop_poll(loop, 0), 0);
    EXPECT_EQ(strand_loop_count(loop), 0u);
}

// epoll forgets a descriptor only with the last of its duplicates, and tells of it once; kqueue
// forgets it at once.
TEST_F(Loop, shouldNotBeKeptAwakeByWhatWasClosedWhileADuplicateIsOpen)
{
    int left = fcntl(reading, F_DUPFD_CLOEXEC, 0);
    Watch watch(left);
    ASSERT_EQ(strand_loop_add_once(loop, &watch.watch, STRAND_LOOP_READABLE), 0);
    close(left);
    put(writing);
    EXPECT_LE(strand_loop_poll(loop, 0), 1);
    EXPECT_GE(poll_takes_ns(loop, 20000000), 20000000);
}

TEST_F(Loop, shouldWaitAtLeastTheTimeout)
{
    EXPECT_GE(poll_takes_ns(loop, 300000), 300000);
    EXPECT_GE(poll_takes_ns(loop, 1), 1);
}

TEST_F(Loop, shouldNotWaitForZeroOrNegativeTimeouts)
{
    EXPECT_LT(poll_takes_ns(loop, 0), 1000000000);
    EXPECT_LT(poll_takes_ns(loop, -1), 1000000000);
    EXPECT_LT(poll_takes_ns(loop, INT64_MIN), 1000000000);
}

TEST_F(Loop, shouldTakeHugeTimeouts)
{
    Watch in(reading);
    for (int64_t timeout_ns : {INT64_MAX, INT64_MAX - 1}) {
        ASSERT_EQ(strand_loop_add(loop, &in.watch), 0);
        std::thread writer([&] { put(writing); });
        EXPECT_EQ(strand_loop_poll(loop, timeout_ns), 1);
        writer.join();
        strand_loop_remove(loop, &in.watch);
    }
}

TEST_F(Loop, shouldReturnNothingWhenASignalInterrupts)
{
    struct sigaction action = {}, before;
    action.sa_handler = [](int) {};
    sigaction(SIGALRM, &action, &before);
    itimerval soon = {{0, 10000}, {0, 10000}}, off = {};   // again: one may come too early
    setitimer(ITIMER_REAL, &soon, nullptr);
    EXPECT_EQ(strand_loop_poll(loop, INT64_MAX), 0);
    EXPECT_EQ(strand_loop_poll(loop, INT64_MAX - 1), 0);
    setitimer(ITIMER_REAL, &off, nullptr);
    sigaction(SIGALRM, &before, nullptr);
}

TEST_F(Loop, shouldReportManyWatchesInBatches)
{
    constexpr int count = 1500;   // above one batch
    std::vector<std::unique_ptr<Watch>> watches;
    for (int i = 0; i < count; i++) {
        int fd = fcntl(writing, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            break;
        watches.push_back(std::make_unique<Watch>(fd));
        ASSERT_EQ(strand_loop_add(loop, &watches.back()->watch), 0);
    }
    EXPECT_EQ(strand_loop_count(loop), watches.size());
    size_t calls = 0;
    while (int more = strand_loop_poll(loop, 0))
        calls += size_t(more);
    EXPECT_EQ(calls, watches.size());
    for (auto &watch : watches) {
        EXPECT_EQ(watch->calls, 1);
        strand_loop_remove(loop, &watch->watch);
        close(watch->watch.fd);
    }
    EXPECT_EQ(strand_loop_count(loop), 0u);
}

TEST_F(Loop, shouldCallInTheOrderOfTheEvents)
{
    std::string order;
    int ends[3][2];
    std::vector<std::unique_ptr<Watch>> watches;
    for (int i = 0; i < 3; i++) {
        open_pipe(&ends[i][0], &ends[i][1]);
        watches.push_back(std::make_unique<Watch>(ends[i][0]));
        watches.back()->called = [&order, i](unsigned) { order += char('A' + i); };
        ASSERT_EQ(strand_loop_add(loop, &watches.back()->watch), 0);
    }
    for (int i : {2, 0, 1})
        put(ends[i][1]);
    EXPECT_EQ(strand_loop_poll(loop, 0), 3);
    EXPECT_EQ(order, "CAB");
    for (auto &pair : ends)
        for (int fd : pair)
            close(fd);
}

}   // namespace
