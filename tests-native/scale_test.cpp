// SPDX-License-Identifier: Apache-2.0
// As many strands at once as the house promises, at default limits: through the public header.
#include "environment.h"
#include "scheduler_fixture.h"

#include <cstdint>
#include <fstream>
#include <limits>
#include <vector>

namespace {

// Distinct for each strand, so that one run twice in another's place shows in the sum.
uint64_t share_of(size_t index)
{
    uint64_t mixed = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed ^ mixed >> 29;
}

uint64_t available_bytes()
{
    std::ifstream lines("/proc/meminfo");
    std::string word;
    for (uint64_t kib; lines >> word;)
        if (word == "MemAvailable:" && lines >> kib)
            return kib * 1024;
    return std::numeric_limits<uint64_t>::max();
}

// Each strand yields, parks, and is woken last first; then it waits for the one before it, and so
// all wait in one chain of joins, which the first one's end unwinds.
class Crowd {
public:
    explicit Crowd(size_t count) : count_(count), members_(count) {}

    void spawn_all()
    {
        for (size_t i = 0; i < count_; i++) {
            members_[i] = {this, i, 0};
            ASSERT_EQ(strand_spawn(nullptr, live, &members_[i], &members_[i].id), 0) << i;
        }
    }

    // By a strand that is none of them.
    void wake_all()
    {
        for (size_t i = count_; i-- > 0;)
            ASSERT_EQ(strand_wake(members_[i].id), 0) << i;
    }

    uint64_t join_the_last() const
    {
        void *sum = nullptr;
        EXPECT_EQ(strand_join(members_[count_ - 1].id, STRAND_FOREVER, &sum), 0);
        return reinterpret_cast<uintptr_t>(sum);
    }

    uint64_t expected_sum() const
    {
        uint64_t sum = 0;
        for (size_t i = 0; i < count_; i++)
            sum += share_of(i);
        return sum;
    }

    size_t out_of_order = 0, refused = 0;
    size_t began = 0, yielded = 0, woken = 0, ended = 0;

private:
    struct Member {
        Crowd *crowd;
        size_t index;
        strand_id id;
    };

    static void live(void *argument)
    {
        auto *self = static_cast<Member *>(argument);
        Crowd *crowd = self->crowd;
        void *sum_before = nullptr;
        crowd->expect_turn(self->index, crowd->began++);
        strand_yield();
        crowd->expect_turn(self->index, crowd->yielded++);
        crowd->refused += strand_park("to be woken", STRAND_FOREVER) != 0;
        crowd->expect_turn(self->index, crowd->count_ - ++crowd->woken);
        if (self->index > 0)
            crowd->refused += strand_join(self[-1].id, STRAND_FOREVER, &sum_before) != 0;
        crowd->expect_turn(self->index, crowd->ended++);
        strand_exit(reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(sum_before) +
                                             share_of(self->index)));
    }

    void expect_turn(size_t index, size_t turn) { out_of_order += index != turn; }

    size_t count_;
    std::vector<Member> members_;
};

class Scale : public SchedulerTest {
protected:
    // A kernel whose guards are all mappings of their own has no room for so many.
    void take_guards_off_where_they_are_few()
    {
        if (stats().guards != std::string("mprotect"))
            return;
        ASSERT_EQ(strand_scheduler_shutdown(scheduler), 0);
        strand_scheduler_options options{};
        options.size = sizeof options;
        options.guards = STRAND_GUARDS_NONE;
        ASSERT_EQ(strand_scheduler_init(&options, &scheduler), 0);
    }

    void bring_to_an_end(size_t count)
    {
        Crowd crowd(count);
        take_guards_off_where_they_are_few();
        spawn([&] {
            crowd.spawn_all();
            strand_yield();
            EXPECT_EQ(crowd.began, count);
            strand_yield();
            EXPECT_EQ(stats().parked, count);
            crowd.wake_all();
            EXPECT_EQ(crowd.join_the_last(), crowd.expected_sum());
        });
        EXPECT_EQ(run(), 0);
        EXPECT_EQ(crowd.yielded, count);
        EXPECT_EQ(crowd.woken, count);
        EXPECT_EQ(crowd.ended, count);
        EXPECT_EQ(crowd.out_of_order, 0U);
        EXPECT_EQ(crowd.refused, 0U);
        EXPECT_EQ(stats().finished, count + 1);
        EXPECT_EQ(stats().stacks_live, 0U);
    }
};

TEST_F(Scale, shouldJoinAHundredThousandStrandsInTheirOrder)
{
    if (sanitized)
        GTEST_SKIP() << "a sanitizer keeps mappings of its own for each living strand";
    bring_to_an_end(100000);
}

TEST_F(Scale, shouldJoinHalfAMillionStrandsInTheirOrder)
{
    if (sanitized)
        GTEST_SKIP() << "a sanitizer keeps mappings of its own for each living strand";
    if (emulated())
        GTEST_SKIP() << "an emulator takes minutes over them";
    if (available_bytes() < (UINT64_C(3) << 30))
        GTEST_SKIP() << "needs 3 GiB of free memory";
    bring_to_an_end(500000);
}

}  // namespace
