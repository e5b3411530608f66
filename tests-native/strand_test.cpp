// SPDX-License-Identifier: Apache-2.0
// The table of slots and the states of strands: cpp/strand.
#include "scheduler_fixture.h"

#include <atomic>
#include <set>
#include <thread>
#include <vector>

// C11 atomics are not C++: the table is reached through these.
extern "C" {
#include "table_probe.h"
}

TEST(Table, shouldGiveEveryStrandAnIdOfItsOwn)
{
    std::set<uint64_t> ids;
    std::vector<probe_slot *> slots;
    for (int i = 0; i < 40000; i++) {
        probe_slot *slot = probe_take();
        ASSERT_NE(slot, nullptr);
        EXPECT_TRUE(ids.insert(probe_id(slot)).second);
        EXPECT_NE(probe_id(slot), 0u);
        slots.push_back(slot);
    }
    for (probe_slot *slot : slots)
        probe_end(slot, false, nullptr);
}

TEST(Table, shouldNotFindAnEndedIdAgain)
{
    probe_slot *first = probe_take();
    uint64_t old_id = probe_id(first);
    EXPECT_TRUE(probe_is(old_id));
    probe_end(first, false, nullptr);
    EXPECT_FALSE(probe_is(old_id));

    probe_slot *again = probe_take();      // last freed, first taken: the same entry
    ASSERT_EQ(again, first);
    EXPECT_NE(probe_id(again), old_id);
    EXPECT_FALSE(probe_is(old_id));
    EXPECT_EQ(probe_post(old_id), -ESRCH);
    probe_end(again, false, nullptr);
}

TEST(Table, shouldServeTheSameBlockAgainUnderAnotherId)
{
    probe_slot *slot = probe_take();
    uint64_t old_id = probe_id(slot);
    probe_end_bound(slot);
    EXPECT_FALSE(probe_is(old_id));
    EXPECT_EQ(probe_take_bound(), slot);
    EXPECT_TRUE(probe_is(probe_id(slot)));
    EXPECT_NE(probe_id(slot), old_id);
    EXPECT_EQ(probe_post(old_id), -ESRCH);
    probe_end(slot, false, nullptr);
}

TEST(Table, shouldRefuseIdsNeverGivenOut)
{
    EXPECT_FALSE(probe_knew(0));
    EXPECT_FALSE(probe_knew(uint64_t{77} << 32 | 1u << 25));
    probe_slot *slot = probe_take();
    EXPECT_FALSE(probe_knew(probe_id(slot) + (uint64_t{5} << 32)));
    EXPECT_TRUE(probe_knew(probe_id(slot)));
    probe_end(slot, false, nullptr);
}

TEST(Table, shouldPostAnEntryOnceUntilItIsTaken)
{
    probe_slot *slot = probe_take();
    EXPECT_EQ(probe_post(probe_id(slot)), 1);
    EXPECT_EQ(probe_post(probe_id(slot)), 0);
    EXPECT_TRUE(probe_take_posts(slot));
    EXPECT_EQ(probe_post(probe_id(slot)), 1);
    EXPECT_TRUE(probe_take_posts(slot));
    probe_end(slot, false, nullptr);
}

TEST(Table, shouldNotReuseAnEntryThatIsStillPosted)
{
    probe_slot *slot = probe_take();
    ASSERT_EQ(probe_post(probe_id(slot)), 1);
    probe_end(slot, false, nullptr);
    probe_slot *other = probe_take();
    EXPECT_NE(other, slot);
    EXPECT_FALSE(probe_take_posts(slot));   // ended: nothing to deliver, but it is free now
    probe_slot *reused = probe_take();
    EXPECT_EQ(reused, slot);
    probe_end(reused, false, nullptr);
    probe_end(other, false, nullptr);
}

// An entry stays out of use after its last generation, however that ends.
TEST(Table, shouldGiveNoIdTwice)
{
    enum { PLAINLY, KEPT, POSTED };
    for (int how : {PLAINLY, KEPT, POSTED}) {
        int value = 0;
        void *result = nullptr;
        probe_slot *slot = probe_take();
        uint64_t first = probe_id(slot);
        probe_end(slot, false, nullptr);
        probe_leave_generations(first, 2);
        ASSERT_EQ(probe_take(), slot);
        uint64_t before = probe_id(slot);
        probe_end(slot, false, nullptr);
        ASSERT_EQ(probe_take(), slot);
        uint64_t last = probe_id(slot);
        if (how == POSTED) {
            EXPECT_EQ(probe_post(last), 1);
        }
        probe_end(slot, how == KEPT, &value);
        if (how == POSTED) {
            EXPECT_FALSE(probe_take_posts(slot));
        }
        if (how == KEPT) {
            EXPECT_TRUE(probe_take_result(last, &result));
        }
        for (uint64_t id : {first, before, last}) {
            EXPECT_TRUE(probe_knew(id));
            EXPECT_FALSE(probe_is(id));
            EXPECT_EQ(probe_post(id), -ESRCH);
        }
        probe_slot *other = probe_take();
        EXPECT_NE(other, slot);
        probe_end(other, false, nullptr);
    }
}

class Generations : public SchedulerTest {};

// One block after the other's end: its entry wears out, and it gets another.
TEST_F(Generations, shouldGoOnWithAnotherEntryAfterTheLast)
{
    static int ran;
    ran = 0;
    std::set<strand_id> ids;
    spawn([&ids] {
        for (int i = 0; i < 8; i++) {
            strand_id id = 0;
            ASSERT_EQ(strand_spawn(nullptr, [](void *) { ran++; }, nullptr, &id), 0);
            EXPECT_TRUE(ids.insert(id).second) << std::hex << id;
            EXPECT_EQ(strand_join(id, STRAND_FOREVER, nullptr), 0);
            EXPECT_EQ(strand_wake(id), -ESRCH);
            if (i == 3)
                probe_leave_generations(id, 2);
        }
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(ran, 8);
}

TEST(Table, shouldKeepAResultForOneTaker)
{
    int value = 0;
    void *result = nullptr;
    probe_slot *slot = probe_take();
    uint64_t id = probe_id(slot);
    probe_end(slot, true, &value);
    EXPECT_TRUE(probe_take_result(id, &result));
    EXPECT_EQ(result, &value);
    EXPECT_FALSE(probe_take_result(id, &result));
}

TEST(Table, shouldGiveAResultToJustOneOfManyThreads)
{
    for (int round = 0; round < 2000; round++) {
        int value = 0;
        std::atomic<int> takers{0};
        probe_slot *slot = probe_take();
        uint64_t id = probe_id(slot);
        probe_end(slot, true, &value);
        auto taker = [&] {
            void *result;
            takers += probe_take_result(id, &result);
        };
        std::thread other(taker);
        taker();
        other.join();
        ASSERT_EQ(takers, 1);
    }
}

TEST(Table, shouldTakeAndEndFromManyThreads)
{
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int t = 0; t < 4; t++)
        threads.emplace_back([&] {
            for (int i = 0; i < 20000; i++) {
                probe_slot *slot = probe_take_uncached();
                uint64_t id = probe_id(slot);
                wrong += !probe_is(id);
                probe_end_uncached(slot);
                wrong += probe_is(id);
            }
        });
    for (auto &thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
}

TEST(Control, shouldNameEveryState)
{
    EXPECT_STREQ(probe_state_name(0), "new");
    EXPECT_STREQ(probe_state_name(1), "ready");
    EXPECT_STREQ(probe_state_name(2), "running");
    EXPECT_STREQ(probe_state_name(3), "parked");
    EXPECT_STREQ(probe_state_name(4), "finished");
}

TEST(ControlDeathTest, shouldRefuseATransitionFromTheWrongState)
{
    EXPECT_DEATH(probe_park_a_ready_strand(), "may_come_from");
}
