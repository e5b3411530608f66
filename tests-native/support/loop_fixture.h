// SPDX-License-Identifier: Apache-2.0
// A loop with a pipe, and watches that remember what they were told.
#ifndef STRAND_TESTS_LOOP_FIXTURE_H
#define STRAND_TESTS_LOOP_FIXTURE_H

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>

extern "C" {
#include "loop.h"
}

struct Watch {
    strand_loop_watch watch;
    std::function<void(unsigned)> called;
    unsigned events = 0;
    int calls = 0;
    mutable int fetched = 0;

    explicit Watch(int fd)
    {
        strand_loop_watch_init(&watch, fd, &loop_calls);
    }

private:
    static void ready(strand_loop_watch *watch, unsigned events)
    {
        Watch *self = reinterpret_cast<Watch *>(watch);
        self->calls++;
        self->events = events;
        if (self->called)
            self->called(events);
    }
    static void fetch(const strand_loop_watch *watch)
    {
        reinterpret_cast<const Watch *>(watch)->fetched++;
    }
    static constexpr strand_loop_calls loop_calls = {ready, fetch};
};

struct Loop : testing::Test {
    strand_loop *loop = nullptr;
    int reading = -1, writing = -1;

    Loop()
    {
        EXPECT_EQ(strand_loop_create(&loop), 0);
        open_pipe(&reading, &writing);
    }
    ~Loop() override
    {
        close(reading);
        close(writing);
        strand_loop_destroy(loop);
    }
    static void open_pipe(int *read_end, int *write_end)
    {
        int ends[2];
        ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
        *read_end = ends[0];
        *write_end = ends[1];
    }
    static void put(int fd, const std::string &text = "x")
    {
        ASSERT_EQ(write(fd, text.data(), text.size()), ssize_t(text.size()));
    }
};

inline int64_t poll_takes_ns(strand_loop *loop, int64_t timeout_ns)
{
    auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(strand_loop_poll(loop, timeout_ns), 0);
    return std::chrono::nanoseconds(std::chrono::steady_clock::now() - before).count();
}

#endif
