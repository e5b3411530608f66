// SPDX-License-Identifier: Apache-2.0
// Code built with -fsplit-stack on strands: through the public header. Built twice: against the
// static library with the default linker, and against the shared one with gold, where there is one.
#include "environment.h"
#include "scheduler_fixture.h"
#include "split_stack_frames.h"

#include <algorithm>

namespace {

constexpr size_t KIB = 1024;

class SplitStack : public SchedulerTest {
protected:
    void SetUp() override
    {
        if (under_valgrind())
            GTEST_SKIP() << "valgrind takes libgcc's segments for one stack";
        SchedulerTest::SetUp();
    }

    static void yield(void *) { strand_yield(); }
};

size_t mapped_bytes()
{
    size_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    EXPECT_EQ(fscanf(statm, "%zu", &pages), 1);
    fclose(statm);
    return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(SplitStack, shouldRunAMillionFramesOnTheSmallestStack)
{
    split_descent descent{};
    descent.frames = 1'000'000;
    uint64_t returned = 0;
    spawn_small([&] { returned = split_descend(&descent, 1); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(returned, descent.frames);
    EXPECT_EQ(descent.spoilt, 0u);
    EXPECT_GT(stats().segments_linked, 1000u);
    EXPECT_EQ(stats().segments_freed, stats().segments_linked);
}

TEST_F(SplitStack, shouldKeepDescentsApartThatYieldInTheMiddle)
{
    struct strand_of {
        split_descent descent{};
        uint64_t returned = 0;
    } strands[6];
    uint64_t every = 997;
    for (auto &strand : strands) {
        strand.descent.frames = every * 113;
        strand.descent.every = every;
        strand.descent.pause = yield;
        every = every * 3 / 5;
        spawn_small([&strand] { strand.returned = split_descend(&strand.descent, 1); });
    }
    EXPECT_EQ(run(), 0);
    for (auto &strand : strands) {
        EXPECT_EQ(strand.returned, strand.descent.frames);
        EXPECT_EQ(strand.descent.spoilt, 0u);
    }
    EXPECT_GT(stats().switches, 600u);
}

TEST_F(SplitStack, shouldGiveSegmentsBackWhenAStrandEndsDeepInside)
{
    size_t before = 0;
    for (int round = 0; round < 4; round++) {
        split_descent descent{};
        descent.frames = 200'000;
        descent.pause = [](void *) { strand_exit(nullptr); };
        spawn_small([&] {
            split_descend(&descent, 1);
            ADD_FAILURE();
        });
        EXPECT_EQ(run(), 0);
        EXPECT_EQ(stats().segments_freed, stats().segments_linked);
        if (round == 0)
            before = mapped_bytes();
    }
    EXPECT_GT(stats().segments_linked, 4000u);
    EXPECT_LT(mapped_bytes(), before + 4 * KIB * KIB);
}

TEST_F(SplitStack, shouldLinkSegmentsOfBothKindsInTurn)
{
    static int levels;
    levels = 0;
    static void (*level)(void *) = [](void *) {
        if (++levels == 8)
            return;
        split_descent descent{};
        descent.frames = 30'000;      // more than the segment of a call holds
        descent.every = 10'000;
        descent.pause = [](void *) {
            strand_yield();
            if (levels < 8) {
                EXPECT_EQ(strand_call(64 * KIB, level, nullptr), 0);
            }
        };
        EXPECT_EQ(split_descend(&descent, 1), descent.frames);
        EXPECT_EQ(descent.spoilt, 0u);
    };
    for (int strand = 0; strand < 3; strand++)
        spawn_small([] { level(nullptr); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(stats().segments_freed, stats().segments_linked);
}

TEST_F(SplitStack, shouldRunOnTheCarrierInTheMiddle)
{
    static uint64_t returned;
    returned = 0;
    split_descent descent{};
    descent.frames = 10'000;
    descent.every = 1000;
    descent.pause = [](void *) {
        strand_call_on_carrier(
            [](void *) {
                split_descent on_carrier{};
                on_carrier.frames = 2000;
                returned += split_descend(&on_carrier, 1);
            },
            nullptr);
    };
    spawn_small([&] { EXPECT_EQ(split_descend(&descent, 1), descent.frames); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(returned, 2000u * 10);
    EXPECT_EQ(descent.spoilt, 0u);
}

TEST_F(SplitStack, shouldLeaveTheCarriersOwnStackAsItWas)
{
    split_descent descent{};
    descent.frames = 1'000'000;
    spawn_small([&] { EXPECT_EQ(split_descend(&descent, 1), descent.frames); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(split_descend(&descent, 1), descent.frames);      // more than its 8 MiB
    EXPECT_EQ(descent.spoilt, 0u);
}

TEST_F(SplitStack, shouldTellWhatRemainsOfALibgccSegment)
{
    static size_t least, most;
    least = SIZE_MAX;
    most = 0;
    split_descent descent{};
    descent.frames = 5000;
    descent.every = 3;
    descent.pause = [](void *) {
        size_t remaining = strand_stack_remaining();
        least = std::min(least, remaining);
        most = std::max(most, remaining);
    };
    spawn_small([&] { split_descend(&descent, 1); });
    EXPECT_EQ(run(), 0);
    EXPECT_LT(least, most);
    EXPECT_LT(most, 40 * KIB);
}

TEST_F(SplitStack, shouldShowEachFrameToACollector)
{
    split_descent descent{};
    descent.frames = 2000;
    descent.pause = [](void *) { strand_park("test", STRAND_FOREVER); };
    strand_id deep = spawn_small([&] { split_descend(&descent, 1); });
    spawn([deep] {
        // Each frame holds ~depth: as few others do.
        std::vector<bool> seen(2001);
        EXPECT_EQ(strand_walk_stack(
                      deep,
                      [](void *found, const void *low, const void *high) {
                          auto *words = static_cast<const uint64_t *>(low);
                          for (; words < high; words++)
                              if (~*words > 0 && ~*words <= 2000)
                                  (*static_cast<std::vector<bool> *>(found))[~*words] = true;
                      },
                      &seen),
                  0);
        EXPECT_EQ(std::count(seen.begin() + 1, seen.end(), true), 2000);
        strand_wake(deep);
    });
    EXPECT_EQ(run(), 0);
}

#if STRAND_TEST_GOLD
TEST_F(SplitStack, shouldCatchWhatIsThrownOverSegments)
{
    for (int strand = 0; strand < 2; strand++)
        spawn_small([] {
            for (int frames : {0, 10, 1000}) {
                EXPECT_EQ(split_throw(frames), frames);
                strand_yield();
            }
        });
    EXPECT_EQ(run(), 0);
}
#endif

}  // namespace
