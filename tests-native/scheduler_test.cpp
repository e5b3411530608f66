// SPDX-License-Identifier: Apache-2.0
// Order, time and parks of strands: cpp/scheduler through the public header.
#include "environment.h"
#include "scheduler_fixture.h"

#include <cerrno>
#include <cfenv>
#include <climits>

namespace {

constexpr int64_t MS = 1000000;

class Order : public SchedulerTest {};
class Time : public SchedulerTest {};
class Park : public SchedulerTest {};

TEST_F(Order, shouldRunStrandsInSpawnOrder)
{
    for (char letter = 'A'; letter <= 'E'; letter++)
        spawn([this, letter] { order += letter; });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ABCDE");
}

TEST_F(Order, shouldYieldToTheTailOfTheQueue)
{
    for (char letter = 'A'; letter <= 'C'; letter++)
        spawn([this, letter] {
            for (int i = 0; i < 3; i++) {
                order += letter;
                strand_yield();
            }
        });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ABCABCABC");
}

TEST_F(Order, shouldAppendSpawnsOfStrandsToTheQueue)
{
    spawn([this] {
        order += 'A';
        spawn([this] { order += 'C'; });
        strand_yield();
        order += 'D';
    });
    spawn([this] { order += 'B'; });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ABCD");
}

TEST_F(Order, shouldWakeInTheOrderOfTheWakes)
{
    strand_id ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = spawn([this, i] {
            EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);
            order += static_cast<char>('a' + i);
        });
    spawn([&] {
        for (int i : {2, 0, 1})
            EXPECT_EQ(strand_wake(ids[i]), 0);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "cab");
}

TEST_F(Order, shouldParkAndWakeTenThousandFirstInFirstOut)
{
#ifdef __SANITIZE_THREAD__
    constexpr int COUNT = 4000;           // TSan keeps 8,128 contexts at most
#else
    constexpr int COUNT = 10000;
#endif
    std::vector<strand_id> ids(COUNT);
    std::vector<int> woken;
    for (int i = 0; i < COUNT; i++)
        ids[i] = spawn([&, i] {
            EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);
            woken.push_back(i);
        });
    spawn([&] {
        for (strand_id id : ids)
            EXPECT_EQ(strand_wake(id), 0);
    });
    EXPECT_EQ(run(), 0);
    ASSERT_EQ(woken.size(), size_t{COUNT});
    for (int i = 0; i < COUNT; i++)
        ASSERT_EQ(woken[i], i);
}

TEST_F(Order, shouldCountOneSwitchForEachTurn)
{
    for (int i = 0; i < 2; i++)
        spawn([] {
            for (int k = 0; k < 100; k++)
                strand_yield();
        });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(stats().switches, 202u);
}

TEST_F(Order, shouldKeepErrnoOfEachStrand)
{
    for (int i = 1; i <= 3; i++)
        spawn([i] {
            for (int k = 0; k < 5; k++) {
                errno = i;
                strand_yield();
                EXPECT_EQ(errno, i);
            }
        });
    EXPECT_EQ(run(), 0);
}

TEST_F(Order, shouldKeepTheRoundingModeOfEachStrand)
{
    const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (int mode : modes)
        spawn([mode] {
            std::fesetround(mode);
            for (int k = 0; k < 5; k++) {
                strand_yield();
                EXPECT_EQ(std::fegetround(), mode);
            }
        });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(std::fegetround(), FE_TONEAREST);
}

TEST_F(Time, shouldWakeSleepersByDeadline)
{
    // All are set before the first is due; an emulator has to translate what sets them.
    int64_t base = strand_now_ns() + (emulated() ? 2000 : 100) * MS;
    for (int i : {3, 1, 2})
        spawn([this, i, base] {
            EXPECT_EQ(strand_sleep_until(base + i * MS), 0);
            EXPECT_GE(strand_now_ns(), base + i * MS);
            order += static_cast<char>('0' + i);
        });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "123");
}

TEST_F(Time, shouldWakeEqualDeadlinesInTheOrderTheyWereSet)
{
    int64_t deadline = strand_now_ns() + 2 * MS;
    for (char letter = 'A'; letter <= 'Z'; letter++)
        spawn([this, letter, deadline] {
            EXPECT_EQ(strand_sleep_until(deadline), 0);
            order += letter;
        });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

TEST_F(Time, shouldNotSleepForZeroNegativeOrPast)
{
    spawn([] {
        EXPECT_EQ(strand_sleep(0), 0);
        EXPECT_EQ(strand_sleep(-1), 0);
        EXPECT_EQ(strand_sleep(INT64_MIN), 0);
        EXPECT_EQ(strand_sleep_until(0), 0);
        EXPECT_EQ(strand_sleep_until(INT64_MIN), 0);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_LT(stats().polls, 10u);
}

TEST_F(Time, shouldTakeAHugeSleepForEver)
{
    strand_id sleeper = spawn([] { EXPECT_EQ(strand_sleep(INT64_MAX - 5), -ECANCELED); });
    spawn([=] { EXPECT_EQ(strand_cancel(sleeper), 0); });
    EXPECT_EQ(run(), 0);
}

TEST_F(Time, shouldTimeOutAPark)
{
    spawn([] {
        int64_t deadline = strand_now_ns() + 2 * MS;
        EXPECT_EQ(strand_park("test", deadline), -ETIMEDOUT);
        EXPECT_GE(strand_now_ns(), deadline);
        EXPECT_EQ(strand_park("test", 0), -ETIMEDOUT);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Time, shouldNotSleepLongerForHavingRunLong)
{
    spawn([] {
        EXPECT_EQ(strand_sleep(MS), 0);
        int64_t begun = strand_now_ns();
        while (strand_now_ns() < begun + 500 * MS)
            continue;
        EXPECT_EQ(strand_sleep(MS), 0);
        EXPECT_LT(strand_now_ns(), begun + 750 * MS);      /* not 1001 */
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Time, shouldFireTimersThoughOthersOnlyYield)
{
    bool awake = false;
    spawn([&] {
        EXPECT_EQ(strand_sleep(2 * MS), 0);
        awake = true;
    });
    spawn([&] {
        while (!awake)
            strand_yield();
    });
    EXPECT_EQ(run(), 0);
    EXPECT_TRUE(awake);
}

TEST_F(Park, shouldConsumeAWakeThatCameBefore)
{
    spawn([] {
        EXPECT_EQ(strand_wake(strand_self()), 0);
        EXPECT_EQ(strand_wake(strand_self()), 0);
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);
        EXPECT_EQ(strand_park("test", 0), -ETIMEDOUT);     // two wakes were one
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Park, shouldResumeOnceForTwoWakes)
{
    strand_id id = spawn([this] {
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);
        order += 'w';
        EXPECT_EQ(strand_park("test", 0), -ETIMEDOUT);
    });
    spawn([=] {
        EXPECT_EQ(strand_wake(id), 0);
        EXPECT_EQ(strand_wake(id), 0);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "w");
}

TEST_F(Park, shouldNotLetAWakeEndAnythingButAPark)
{
    strand_id sleeper = spawn([] {
        int64_t deadline = strand_now_ns() + 3 * MS;
        EXPECT_EQ(strand_sleep_until(deadline), 0);
        EXPECT_GE(strand_now_ns(), deadline);
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);   // the wake was kept
    });
    spawn([this, sleeper] {
        EXPECT_EQ(strand_wake(sleeper), 0);
        EXPECT_EQ(stats().parked, 1u) << "it is resumed for nothing";
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Park, shouldGiveNoSuchStrandAfterTheEnd)
{
    strand_id id = spawn([] {});
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(strand_wake(id), -ESRCH);
    EXPECT_EQ(strand_cancel(id), -ESRCH);
    EXPECT_EQ(strand_wake(0), -ESRCH);
}

TEST_F(Park, shouldCancelTheCurrentPark)
{
    strand_id id = spawn([this] {
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED);
        order += 'c';
        EXPECT_EQ(strand_park("test", 0), -ETIMEDOUT);     // consumed
    });
    spawn([=] { EXPECT_EQ(strand_cancel(id), 0); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "c");
}

TEST_F(Park, shouldCancelAStrandThatHasNotBegun)
{
    strand_id id = spawn([this] {
        order += 'r';
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED);
    });
    EXPECT_EQ(strand_cancel(id), 0);
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "r");
}

TEST_F(Park, shouldNotCancelWhatNeedNotWait)
{
    spawn([] {
        strand_cancel(strand_self());
        strand_wake(strand_self());
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED);
    });
    EXPECT_EQ(run(), 0);
}

}  // namespace
