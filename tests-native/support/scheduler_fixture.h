// SPDX-License-Identifier: Apache-2.0
// A scheduler for each test, and strands from lambdas.
#ifndef STRAND_TESTS_SCHEDULER_FIXTURE_H
#define STRAND_TESTS_SCHEDULER_FIXTURE_H

#include <gtest/gtest.h>
#include <strand/strand.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

inline std::string read_all(int fd)
{
    std::string text;
    char buffer[4096];
    for (ssize_t count; (count = read(fd, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<size_t>(count));
    return text;
}

class SchedulerTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_EQ(strand_scheduler_init(nullptr, &scheduler), 0); }

    void TearDown() override
    {
        if (scheduler) {
            EXPECT_EQ(strand_scheduler_shutdown(scheduler), 0);
        }
    }

    // From outside or from a strand; the body outlives the strand.
    strand_id spawn(std::function<void()> body, const char *name = nullptr)
    {
        return spawn_on(scheduler, std::move(body), name);
    }

    strand_id spawn_on(strand_scheduler *s, std::function<void()> body, const char *name = nullptr)
    {
        strand_options options{};
        options.name = name;
        return spawn_with(s, options, std::move(body));
    }

    // On the smallest stack that is no dense one.
    strand_id spawn_small(std::function<void()> body, size_t max_stack_bytes = 0)
    {
        strand_options options{};
        options.stack_bytes = 8 * 1024;
        options.max_stack_bytes = max_stack_bytes;
        return spawn_with(scheduler, options, std::move(body));
    }

    strand_id spawn_with(strand_scheduler *s, strand_options options, std::function<void()> body)
    {
        strand_id id = 0;
        options.size = sizeof options;
        auto *kept = new std::function<void()>(std::move(body));
        int status = strand_spawn_with(s, &options, call, kept, &id);
        EXPECT_EQ(status, 0);
        if (status)
            delete kept;
        return id;
    }

    int run() { return strand_scheduler_run(scheduler); }

    struct strand_scheduler_stats stats()
    {
        struct strand_scheduler_stats stats{};
        stats.size = sizeof stats;
        EXPECT_EQ(strand_scheduler_stats(scheduler, &stats), 0);
        return stats;
    }

    strand_scheduler *scheduler = nullptr;
    std::string order;   // what happened, one letter an event

private:
    static void call(void *argument)
    {
        // Freed by a defer, since a strand may leave by strand_exit.
        using body = std::function<void()>;
        strand_defer([](void *kept) { delete static_cast<body *>(kept); }, argument);
        (*static_cast<body *>(argument))();
    }
};

#endif
