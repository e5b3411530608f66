// SPDX-License-Identifier: Apache-2.0
#include "scheduler_fixture.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "environment.h"

extern "C" {
#include "trim_probe.h"
}

namespace {

constexpr size_t KiB = 1024;
constexpr int class_256k = 4;
constexpr int64_t second_ns = 1000000000;

const size_t page_bytes = size_t(sysconf(_SC_PAGESIZE));

// Resident pages from the page of `byte` down, so many of them.
size_t resident_pages(const char *byte, size_t pages)
{
    auto top = reinterpret_cast<uintptr_t>(byte) & ~(page_bytes - 1);
    std::vector<unsigned char> in_memory(pages);
    EXPECT_EQ(mincore(reinterpret_cast<void *>(top - (pages - 1) * page_bytes), pages * page_bytes,
                      in_memory.data()), 0);
    size_t resident = 0;
    for (unsigned char it : in_memory)
        resident += it & 1;
    return resident;
}

// Of the real stack: ASan would keep such frames on a fake one.
__attribute__((noinline, no_sanitize("address"))) void use_stack(size_t size_bytes)
{
    volatile char frame[4 * KiB];
    memset(const_cast<char *>(frame), 'x', sizeof frame);
    if (size_bytes > sizeof frame)
        use_stack(size_bytes - sizeof frame);
    frame[0] = 'y';      // so that the call above is no jump
}

// A place in the frame that calls, on the real stack too.
#define HERE static_cast<const char *>(__builtin_frame_address(0))

class Trim : public SchedulerTest {
protected:
    // Parks after it has been 200 KiB deep, and checks its own frame when it runs again.
    strand_id spawn_deep(const char **frame)
    {
        return spawn([this, frame] {
            volatile char here[100];
            memset(const_cast<char *>(here), 'f', sizeof here);
            *frame = HERE;
            use_stack(200 * KiB);
            EXPECT_EQ(strand_park("deep", STRAND_FOREVER), 0);
            for (volatile char &c : here)
                EXPECT_EQ(c, 'f');
            use_stack(200 * KiB);
            ended++;
        });
    }

    uint64_t trimmed() { return stats().stack_classes[class_256k].trimmed; }

    int ended = 0;
};

constexpr size_t depth = 45;    // pages looked at: most of 200 KiB
const size_t at_rest = sanitized ? 8 : 1;

TEST_F(Trim, shouldGiveBackWhatAParkedStrandNoLongerUses)
{
    const char *frame = nullptr;
    strand_id deep = spawn_deep(&frame);
    spawn([&] {
        strand_yield();
        ASSERT_GE(resident_pages(frame, depth), depth - 1);
        probe_sweep(scheduler, second_ns);
        EXPECT_LE(resident_pages(frame, depth), at_rest);
        EXPECT_EQ(trimmed(), 1u);
        EXPECT_EQ(strand_wake(deep), 0);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(ended, 1);
}

TEST_F(Trim, shouldLeaveAloneWhatHasParkedJustNow)
{
    const char *frame = nullptr;
    strand_id deep = spawn_deep(&frame);
    spawn([&] {
        strand_yield();
        probe_sweep(scheduler, second_ns / 10);
        EXPECT_GE(resident_pages(frame, depth), depth - 1);
        EXPECT_EQ(trimmed(), 0u);
        EXPECT_EQ(strand_wake(deep), 0);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Trim, shouldLeaveAloneWhatIsReady)
{
    const char *frame = nullptr;
    spawn([&] {
        frame = HERE;
        use_stack(200 * KiB);
        strand_yield();
    });
    spawn([&] {
        probe_sweep(scheduler, second_ns);
        EXPECT_GE(resident_pages(frame, depth), depth - 1);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Trim, shouldLookAgainAtAStrandThatHasRunSince)
{
    const char *frame = nullptr;
    strand_id deep = spawn([&] {
        frame = HERE;
        for (int round = 0; round < 3; round++) {
            use_stack(200 * KiB);
            EXPECT_EQ(strand_park("deep", STRAND_FOREVER), 0);
        }
    });
    spawn([&] {
        for (int round = 0; round < 3; round++) {
            strand_yield();
            ASSERT_GE(resident_pages(frame, depth), depth - 1) << round;
            probe_sweep(scheduler, second_ns);
            EXPECT_LE(resident_pages(frame, depth), at_rest) << round;
            probe_sweep(scheduler, 0);      // the made-up time is over
            EXPECT_EQ(strand_wake(deep), 0);
        }
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Trim, shouldTrimStrandsThatOtherThreadsSpawned)
{
    std::atomic<const char *> frame{nullptr};
    strand_id deep = 0;
    std::thread([&] {
        deep = spawn([&] {
            use_stack(200 * KiB);
            frame = HERE;
            EXPECT_EQ(strand_park("deep", STRAND_FOREVER), 0);
        });
    }).join();
    spawn([&] {
        while (!frame)
            strand_yield();
        probe_sweep(scheduler, second_ns);
        EXPECT_LE(resident_pages(frame, depth), at_rest);
        EXPECT_EQ(strand_wake(deep), 0);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Trim, shouldTrimTheFurtherSegmentThatAStrandParksOn)
{
    static const char *frame = nullptr;
    strand_id deep = spawn([] {
        auto park_deep = [](void *) {
            frame = HERE;
            use_stack(300 * KiB);
            EXPECT_EQ(strand_park("deep", STRAND_FOREVER), 0);
        };
        EXPECT_EQ(strand_call(500 * KiB, park_deep, nullptr), 0);
    });
    spawn([&] {
        strand_yield();
        ASSERT_EQ(stats().segments_linked, 1u);
        ASSERT_GE(resident_pages(frame, 70), 69u);
        probe_sweep(scheduler, second_ns);
        EXPECT_LE(resident_pages(frame, 70), at_rest);
        EXPECT_EQ(strand_wake(deep), 0);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(stats().segments_freed, 1u);
}

TEST_F(Trim, shouldTrimThePoolAfterDeepStrandsHaveEnded)
{
    const char *frame = nullptr;
    spawn([&] {
        frame = HERE;
        use_stack(200 * KiB);
    });
    spawn([&] {
        strand_yield();
        probe_sweep(scheduler, 0);
        EXPECT_GE(resident_pages(frame, depth), depth - 1);
        probe_sweep(scheduler, 0);
        EXPECT_LE(resident_pages(frame, depth), 1u);
        EXPECT_EQ(trimmed(), 1u);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Trim, shouldSweepTwiceAfterTheLastSwitchAndThenWaitForEver)
{
    spawn([&] {
        strand_yield();
        EXPECT_TRUE(probe_sweep_is_due(scheduler));
        probe_sweep(scheduler, 0);
        EXPECT_TRUE(probe_sweep_is_due(scheduler));
        probe_sweep(scheduler, 0);
        EXPECT_FALSE(probe_sweep_is_due(scheduler));
        strand_yield();
        EXPECT_TRUE(probe_sweep_is_due(scheduler));
    });
    EXPECT_EQ(run(), 0);
}

// The loop itself sees to it, asleep or busy; from outside only the statistics tell.
void wait_for(const std::function<bool()> &done)
{
    int64_t deadline_ns = strand_now_ns() + 20 * second_ns;
    while (!done() && strand_now_ns() < deadline_ns)
        std::this_thread::yield();
    EXPECT_TRUE(done());
}

TEST_F(Trim, shouldTrimWhileTheSchedulerSleeps)
{
    const char *frame = nullptr;
    strand_id deep = spawn_deep(&frame);
    std::thread waiter([&] {
        wait_for([&] { return trimmed() == 1; });
        EXPECT_EQ(strand_wake(deep), 0);
    });
    EXPECT_EQ(run(), 0);
    waiter.join();
    EXPECT_EQ(ended, 1);
}

// The best of five, so that a busy machine is no failure.
TEST_F(Trim, shouldFallBackToOnePageWithinASecondOfIdling)
{
    int64_t best_ns = STRAND_FOREVER;
    for (int i = 0; i < 5 && best_ns > second_ns; i++) {
        uint64_t before = trimmed();
        std::atomic<const char *> frame{nullptr};
        strand_id deep = spawn([&] {
            use_stack(200 * KiB);
            frame = HERE;
            EXPECT_EQ(strand_park("deep", STRAND_FOREVER), 0);
        });
        std::thread waiter([&] {
            wait_for([&] { return stats().parked == 1; });
            int64_t parked_ns = strand_now_ns();
            wait_for([&] { return resident_pages(frame, depth) <= at_rest; });
            best_ns = std::min(best_ns, strand_now_ns() - parked_ns);
            EXPECT_EQ(strand_wake(deep), 0);
        });
        EXPECT_EQ(run(), 0);
        waiter.join();
        EXPECT_GT(trimmed(), before);
    }
    EXPECT_LE(best_ns, second_ns);
}

TEST_F(Trim, shouldTrimWhileOtherStrandsKeepTheCarrierBusy)
{
    const char *frame = nullptr;
    std::atomic<bool> over{false};
    strand_id deep = spawn_deep(&frame);
    for (int i = 0; i < 10; i++)
        spawn([&] {
            while (!over)
                strand_yield();
        });
    std::thread waiter([&] {
        wait_for([&] { return trimmed() == 1; });
        EXPECT_EQ(strand_wake(deep), 0);
        over = true;
    });
    EXPECT_EQ(run(), 0);
    waiter.join();
    EXPECT_EQ(ended, 1);
}

TEST_F(Trim, shouldTellWhatIsResident)
{
    const char *frame = nullptr;
    strand_id deep = spawn_deep(&frame);
    spawn([&] {
        strand_yield();
        probe_sweep(scheduler, 0);
        uint64_t before = stats().stack_bytes_resident;
        EXPECT_GE(before, 2 * page_bytes);
        probe_sweep(scheduler, second_ns);
        EXPECT_LE(stats().stack_bytes_resident,
                  stats().stacks_live * at_rest * page_bytes + 64 * KiB);
        EXPECT_EQ(strand_wake(deep), 0);
    });
    EXPECT_EQ(run(), 0);
}

}   // namespace
