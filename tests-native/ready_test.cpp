// SPDX-License-Identifier: Apache-2.0
// The ready queue: growth, and order where there is no memory to grow. By itself, and under a
// scheduler.
#include "scheduler_fixture.h"

#include <memory>
#include <vector>

extern "C" {
#include "ready_probe.h"
}

namespace {

class Ready : public testing::Test {
protected:
    void SetUp() override { ASSERT_EQ(probe_ready_init(), 0); }

    void TearDown() override
    {
        probe_refuse_memory(false);
        probe_ready_close();
    }

    void append(int count)
    {
        for (int i = 0; i < count; i++)
            probe_ready_append(appended++);
    }

    // Those in the ring, up to so many: the next ones, one after the other.
    void take(int count)
    {
        for (int i = 0; i < count; i++)
            ASSERT_EQ(probe_ready_take(), taken++);
    }

    int appended = 0, taken = 0;
};

TEST_F(Ready, shouldKeepTheOrderWhereverTheRingStandsWhenItGrows)
{
    for (int before : {0, 1, 63, 64}) {
        append(before);
        take(before);
        append(150);
        take(150);
        EXPECT_EQ(probe_ready_take(), -1);
        probe_ready_refill();
        EXPECT_EQ(probe_ready_places(), 64u);
    }
}

TEST_F(Ready, shouldLoseNoneWhereItCannotGrow)
{
    probe_refuse_memory(true);
    append(500);
    EXPECT_EQ(probe_ready_places(), 64u);
    while (taken < 500) {
        take(1);
        probe_ready_refill();
    }
    EXPECT_EQ(probe_ready_take(), -1);
}

TEST_F(Ready, shouldPutNoneBeforeThoseThatFoundNoPlace)
{
    probe_refuse_memory(true);
    append(100);
    take(10);
    append(10);      // there is room, but it belongs to others
    probe_refuse_memory(false);
    append(10);
    while (taken < 120) {
        take(1);
        probe_ready_refill();
    }
    append(200);
    take(200);
    EXPECT_GT(probe_ready_places(), 64u);
}

TEST_F(Ready, shouldGiveALargeRingBackOnceItHasRunEmpty)
{
    append(1500);
    take(1499);
    probe_ready_refill();
    EXPECT_GE(probe_ready_capacity(), 1500u) << "one is in it";
    take(1);
    probe_refuse_memory(true);
    probe_ready_refill();
    EXPECT_GE(probe_ready_capacity(), 1500u);
    probe_refuse_memory(false);
    probe_ready_refill();
    EXPECT_LE(probe_ready_capacity(), 1024u);
    append(100);
    take(100);
}

TEST_F(Ready, shouldLookOutsideAtEachSwitchWhileSomeFoundNoPlace)
{
    append(64);
    EXPECT_FALSE(probe_ready_is_look_due_after(3));
    take(2);
    EXPECT_FALSE(probe_ready_is_look_due_after(1));
    append(2);
    probe_refuse_memory(true);
    append(1);
    EXPECT_TRUE(probe_ready_is_look_due_after(0));
    EXPECT_FALSE(probe_ready_is_look_due_after(1000));
    take(1);
}

// One that only yields takes places in the ring by itself; nobody may be passed by it.
class FullRing : public SchedulerTest {
protected:
    void TearDown() override
    {
        probe_refuse_memory(false);
        SchedulerTest::TearDown();
    }
};

constexpr int STRANDS = 300, ROUNDS = 5;

// The strand that begins runs, then yields and parks by turns; each round is in spawn order.
void expect_rounds(const std::vector<int> &seen)
{
    ASSERT_EQ(seen.size(), size_t(STRANDS * ROUNDS));
    for (int i = 0; i < STRANDS * ROUNDS; i++)
        ASSERT_EQ(seen[static_cast<size_t>(i)], i % STRANDS) << "in round " << i / STRANDS;
}

TEST_F(FullRing, shouldKeepTheOrderOfStrandsThatYield)
{
    std::vector<int> seen;
    probe_refuse_memory(true);
    for (int i = 0; i < STRANDS; i++)
        spawn([&seen, i] {
            for (int round = 0; round < ROUNDS; round++) {
                seen.push_back(i);
                strand_yield();
            }
        });
    EXPECT_EQ(run(), 0);
    expect_rounds(seen);
    EXPECT_EQ(stats().finished, uint64_t(STRANDS));
}

TEST_F(FullRing, shouldKeepTheOrderOfStrandsThatAreWoken)
{
    std::vector<int> seen;
    std::vector<strand_id> ids;
    probe_refuse_memory(true);
    for (int i = 0; i < STRANDS; i++)
        ids.push_back(spawn([&seen, i] {
            for (int round = 0; round < ROUNDS; round++) {
                seen.push_back(i);
                if (round < ROUNDS - 1) {
                    EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);
                }
            }
        }));
    spawn([&ids] {
        for (int round = 1; round < ROUNDS; round++) {
            for (strand_id id : ids)
                EXPECT_EQ(strand_wake(id), 0);
            strand_yield();
        }
    });
    EXPECT_EQ(run(), 0);
    expect_rounds(seen);
}

TEST_F(FullRing, shouldGrowAgainWhenThereIsMemory)
{
    std::vector<int> seen;
    probe_refuse_memory(true);
    for (int i = 0; i < STRANDS; i++)
        spawn([&seen, i] {
            for (int round = 0; round < ROUNDS; round++) {
                seen.push_back(i);
                if (i == STRANDS / 2 && round == 1)
                    probe_refuse_memory(false);
                strand_yield();
            }
        });
    EXPECT_EQ(run(), 0);
    expect_rounds(seen);
}

}   // namespace
