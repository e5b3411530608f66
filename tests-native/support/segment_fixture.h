// SPDX-License-Identifier: Apache-2.0
// For tests of stacks that grow: at the end every segment has been given back.
#ifndef STRAND_TESTS_SEGMENT_FIXTURE_H
#define STRAND_TESTS_SEGMENT_FIXTURE_H

#include "scheduler_fixture.h"

constexpr size_t KIB = 1024;

// A lambda on stack of its own.
inline int call_with(size_t stack_bytes, std::function<void()> body)
{
    return strand_call(
        stack_bytes, [](void *f) { (*static_cast<std::function<void()> *>(f))(); }, &body);
}

class Segment : public SchedulerTest {
protected:
    // Instead of the fixture's own scheduler.
    void use(strand_scheduler_options options)
    {
        ASSERT_EQ(strand_scheduler_shutdown(scheduler), 0);
        options.size = sizeof options;
        ASSERT_EQ(strand_scheduler_init(&options, &scheduler), 0);
    }

    void TearDown() override
    {
        auto end = stats();
        EXPECT_EQ(end.segments_linked, end.segments_freed);
        EXPECT_EQ(end.stacks_live, 0u);
        SchedulerTest::TearDown();
    }

    uint64_t linked() { return stats().segments_linked; }
};

#endif
