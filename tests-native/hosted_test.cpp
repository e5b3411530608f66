// SPDX-License-Identifier: Apache-2.0
// Hosted strands: cpp/scheduler/hosted.h, under a host that is not the JVM.
#include "scheduler_fixture.h"

#include <atomic>
#include <cerrno>
#include <thread>

extern "C" {
#include "hosted_probe.h"
}

namespace {

class Hosted : public SchedulerTest {
protected:
    void SetUp() override
    {
        SchedulerTest::SetUp();
        host = probe_host_create(scheduler, log);
    }

    void TearDown() override
    {
        SchedulerTest::TearDown();
        probe_host_destroy(host);
    }

    uint64_t start(const char *name, const char *script)
    {
        uint64_t id = probe_host_add(host, name, script);
        EXPECT_NE(id, 0u);
        EXPECT_EQ(probe_host_ready(id), 0);
        return id;
    }

    probe_host *host = nullptr;
    char log[256] = "";
    int count = 0;
};

TEST_F(Hosted, shouldRunInTheOrderTheyBecameReady)
{
    start("A", "yyf");
    start("B", "yyf");
    start("C", "yyf");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "ABCABCABC");
    EXPECT_EQ(count, 0);
    EXPECT_EQ(stats().switches, 9u);
}

TEST_F(Hosted, shouldStandInOneQueueWithNativeStrands)
{
    start("A", "yf");
    spawn([this] {
        strcat(log, "n");
        strand_yield();
        strcat(log, "n");
    });
    start("B", "yf");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "AnBAnB");
}

TEST_F(Hosted, shouldPassOnInTheSameOrderAndHandNativeStrandsToTheCarrier)
{
    start("A", "yf");
    spawn([this] {
        strcat(log, "n");
        strand_yield();
        strcat(log, "n");
    });
    start("B", "yf");
    EXPECT_EQ(probe_host_run_baton(host, &count), 0);
    EXPECT_STREQ(log, "AnBAnB");
    EXPECT_EQ(count, 3);      // before each native turn, and at the end
}

TEST_F(Hosted, shouldAskForAnUnparkWhenTheCoreWakesAStep)
{
    start("A", "bf");
    start("B", "wf");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "ABBAA");     // A arms; B wakes it, ends; A's step is asked again, and ends
    EXPECT_EQ(count, 1);
}

TEST_F(Hosted, shouldNotAskForAnUnparkWhenTheHostReadiedIt)
{
    uint64_t id = start("A", "pf");
    spawn([id] {                      // A has parked by now
        std::thread other([id] { EXPECT_EQ(probe_host_ready(id), 0); });
        other.join();
    });
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "AA");
    EXPECT_EQ(count, 0);
}

TEST_F(Hosted, shouldEndJoinsOfHostedStrands)
{
    start("A", "yyf");
    start("B", "jf");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "ABAABB");
}

TEST_F(Hosted, shouldSleepInPlaceAndCountIt)
{
    start("A", "if");
    start("B", "f");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "AAB");
    EXPECT_GE(stats().pinned_waits, 1u);
}

TEST_F(Hosted, shouldRefuseToWaitInPlaceForAnotherStrand)
{
    start("A", "sf");
    start("B", "Jf");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_EQ(probe_host_join_in_place(host), -EPERM);
}

// As by a StackOverflowError between the step and the park.
TEST_F(Hosted, shouldForgetTheTimerOfOneThatEndsInTheMiddleOfAWait)
{
    start("A", "S");
    spawn([this] { start("B", "sf"); });      // on A's block, which is free by now
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "ABBB");
    EXPECT_EQ(stats().timers_fired, 1u);
}

TEST_F(Hosted, shouldGiveNoSuchStrandAfterTheEnd)
{
    uint64_t id = start("A", "f");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_EQ(probe_host_ready(id), -ESRCH);
}

TEST_F(Hosted, shouldTakeAReadyThatComesTwiceAsOne)
{
    uint64_t id = start("A", "f");
    EXPECT_EQ(probe_host_ready(id), 0);
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "A");
}

TEST_F(Hosted, shouldEndRunWhenAStrandIsAbandoned)
{
    uint64_t id = probe_host_add(host, "A", "f");
    start("B", "f");
    std::thread other([id] { probe_host_abandon(id); });
    EXPECT_EQ(probe_host_run(host, &count), 0);
    other.join();
    EXPECT_STREQ(log, "B");
    EXPECT_EQ(stats().live, 0u);
}

TEST_F(Hosted, shouldGiveTheHoldersStrandsOnABlockIdsOfTheirOwn)
{
    start("A", "cycyf");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "AAcAAcA");
    EXPECT_EQ((uint32_t)probe_host_id(host, 0), (uint32_t)probe_host_id(host, 1));      // one entry
    EXPECT_NE(probe_host_id(host, 0), probe_host_id(host, 1));
    EXPECT_EQ(strand_wake(probe_host_id(host, 1)), -ESRCH);
    EXPECT_EQ(stats().finished, 3u);
}

uint32_t slot_of(uint64_t id)
{
    return static_cast<uint32_t>(id);
}

TEST_F(Hosted, shouldGiveTheBlocksOfOthersStrandsToTheirNextOnes)
{
    uint64_t first = start("A", "f"), second = start("B", "f");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    uint64_t third = start("C", "f"), fourth = start("D", "f");
    EXPECT_EQ(slot_of(third), slot_of(second));
    EXPECT_EQ(slot_of(fourth), slot_of(first));
    EXPECT_NE(third, second);
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "ABCD");
}

// The post finds the entry as it was, and nobody else's.
TEST_F(Hosted, shouldLetABlockRestThatEndsWithAPostOnItsWay)
{
    spawn([this] {
        uint64_t first = start("A", "of");
        strand_yield();
        uint64_t meanwhile = start("B", "f");
        EXPECT_NE(slot_of(meanwhile), slot_of(first));
        strand_sleep(1);      // by way of a look outside, which takes the post first
        uint64_t later = start("C", "f");
        EXPECT_EQ(slot_of(later), slot_of(first));
        strand_id native = 0;
        EXPECT_EQ(strand_spawn(nullptr, [](void *) {}, nullptr, &native), 0);
        EXPECT_NE(slot_of(native), slot_of(first));
    });
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "AABC");
    EXPECT_EQ(stats().finished, 5u);
}

TEST_F(Hosted, shouldLetTheBlockOfAnothersStrandRestToo)
{
    uint64_t first = start("A", "of");
    std::thread other;
    spawn([&] {      // A has ended, its post has not arrived: no look outside since
        other = std::thread([&] { EXPECT_NE(slot_of(start("B", "f")), slot_of(first)); });
        other.join();
    });
    EXPECT_EQ(probe_host_run(host, &count), 0);
    start("C", "f");      // on B's, which ended last
    EXPECT_EQ(slot_of(start("D", "f")), slot_of(first));
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "AABCD");
}

// Others wake strands that are short-lived while new ones begin on their blocks.
TEST_F(Hosted, shouldTakePostsFromSeveralThreadsAtOnce)
{
    std::atomic<uint64_t> known[2] = {};
    std::atomic<bool> over{false};
    std::thread others[2];
    for (int i = 0; i < 2; i++)
        others[i] = std::thread([&, i] {
            while (!over)
                strand_wake(known[i]);
        });
    constexpr int times = 2000;
    spawn([&] {
        for (int i = 0; i < times; i++) {
            probe_host_forget(host);
            known[i % 2] = start("", "f");
            strand_yield();
        }
    });
    EXPECT_EQ(probe_host_run(host, &count), 0);
    over = true;
    for (std::thread &other : others)
        other.join();
    EXPECT_EQ(stats().finished, times + 1u);
}

// Its entry is its block's for ever: it cannot go to another.
TEST_F(Hosted, shouldUseNoBlockBeyondTheLastGeneration)
{
    uint64_t first = start("A", "f");
    EXPECT_EQ(probe_host_run(host, &count), 0);
    probe_host_wear_out(first);
    uint64_t last = start("B", "f");
    EXPECT_EQ(slot_of(last), slot_of(first));
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_NE(slot_of(start("C", "f")), slot_of(first));
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_EQ(strand_wake(last), -ESRCH);
    EXPECT_STREQ(log, "ABC");
}

TEST_F(Hosted, shouldRefuseToJoinItself)
{
    start("A", "yjf");                // its own elder is itself: EDEADLK, and on
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "AAA");
}

// Each kind in the order in which the scheduler first had its blocks.
TEST_F(Hosted, shouldBeCanceledByAStopBehindTheNativeStrands)
{
    auto park = [this](const char *name) {
        return [this, name] {
            strcat(log, name);
            EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED);
            strcat(log, name);
        };
    };
    start("A", "bf");
    spawn(park("n"));
    start("B", "bf");
    spawn(park("m"));
    spawn([this] { EXPECT_EQ(strand_scheduler_stop(scheduler), 0); });
    EXPECT_EQ(probe_host_run(host, &count), 0);
    EXPECT_STREQ(log, "AnBm" "nm" "AABB");
    EXPECT_EQ(count, 2);
}

TEST_F(Hosted, shouldRefuseNewOnesWhileStopping)
{
    ASSERT_EQ(strand_scheduler_stop(scheduler), 0);
    EXPECT_EQ(probe_host_add(host, "A", "f"), 0u);
    EXPECT_EQ(run(), 0);
}

}  // namespace
