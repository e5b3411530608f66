// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "environment.h"
#include "seccomp.h"
#include "stack_pool.h"

namespace {

TEST(Stack, shouldChooseTheSmallestClassThatFits)
{
    EXPECT_EQ(strand_stack_class_for(1), STRAND_STACK_8K);
    for (int i = smallest; i < int(end_of_classes); i++) {
        EXPECT_EQ(strand_stack_class_for(class_bytes[i]), i);
        EXPECT_EQ(strand_stack_class_for(class_bytes[i] + 1),
                  i + 1 < int(end_of_classes) ? i + 1 : -EINVAL);
        EXPECT_EQ(strand_stack_class_bytes(unsigned(i)), class_bytes[i]);
    }
    EXPECT_EQ(strand_stack_class_for(0), -EINVAL);
    EXPECT_EQ(strand_stack_class_for(SIZE_MAX), -EINVAL);
}

TEST(Stack, shouldNameGuards)
{
    EXPECT_STREQ(strand_stack_guards_name(STRAND_STACK_GUARDS_LIGHTWEIGHT), "lightweight");
    EXPECT_STREQ(strand_stack_guards_name(STRAND_STACK_GUARDS_MPROTECT), "mprotect");
    EXPECT_STREQ(strand_stack_guards_name(STRAND_STACK_GUARDS_NONE), "none");
}

TEST(Stack, shouldGiveZeroedPageAlignedStacksOfTheClass)
{
    Pool pool;
    for (unsigned size_class = smallest; size_class < end_of_classes; size_class++) {
        ASSERT_EQ(pool.take(size_class), 0);
        strand_stack &stack = pool.taken.back();
        EXPECT_EQ(reinterpret_cast<uintptr_t>(stack.low) % strand_pages_size(), 0u);
        EXPECT_LE(stack.size_bytes, class_bytes[size_class]);
        EXPECT_GE(stack.size_bytes, class_bytes[size_class] - KiB);
        char *high = stack.low + stack.size_bytes;
        EXPECT_TRUE(std::all_of(stack.low, high, [](char c) { return !c; }));
        memset(stack.low, 'x', stack.size_bytes);
        EXPECT_EQ(stack.size_class, size_class);
        EXPECT_EQ(stack.home, pool.pool);
    }
}

TEST(Stack, shouldHandOutTheLastReleasedFirst)
{
    Pool pool;
    std::vector<strand_stack> stacks(5);
    for (strand_stack &stack : stacks)
        ASSERT_EQ(strand_stack_acquire(pool.pool, usual, &stack), 0);
    std::vector<char *> released;
    for (size_t i : {3, 0, 4, 1, 2}) {
        released.push_back(stacks[i].low);
        strand_stack_release(&stacks[i]);
    }
    for (size_t i = 5; i-- > 0;) {
        ASSERT_EQ(pool.take(), 0);
        EXPECT_EQ(pool.taken.back().low, released[i]);
    }
}

// In a process whose first memory call is its last.
[[noreturn]] void cycle_without_memory_calls()
{
    Pool pool;
    strand_stack stack;
    strand_stack_acquire(pool.pool, usual, &stack);
    strand_stack_release(&stack);
    forbid({SYS_mmap, SYS_munmap, SYS_madvise, SYS_mprotect, SYS_process_madvise},
           SECCOMP_RET_KILL_PROCESS);
    for (int i = 0; i < 1000; i++) {
        if (strand_stack_acquire(pool.pool, usual, &stack) != 0)
            _exit(1);
        strand_stack_release(&stack);
    }
    _exit(0);
}

TEST(Stack, shouldMakeNoSystemCallWhenPooled)
{
    if (sanitized)
        GTEST_SKIP() << "the sanitizers map memory when they like";
    if (emulated())
        GTEST_SKIP() << "the emulator has no seccomp";
    EXPECT_EXIT(cycle_without_memory_calls(), testing::ExitedWithCode(0), "");
}

TEST(Stack, shouldTouchNoPageOfAStack)
{
    Pool pool;
    std::vector<unsigned char> resident(class_bytes[usual] / strand_pages_size());
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 200; i++)
            ASSERT_EQ(pool.take(), 0);
        for (strand_stack &stack : pool.taken) {
            ASSERT_EQ(mincore(stack.low, class_bytes[usual], resident.data()), 0);
            for (unsigned char page : resident)
                ASSERT_EQ(page & 1, 0);
            strand_stack_release(&stack);
        }
        pool.taken.clear();
    }
}

TEST(Stack, shouldColourTopsByCacheLinesWithinOneKiB)
{
    Pool pool;
    std::set<size_t> colours;
    for (int i = 0; i < 64; i++) {
        ASSERT_EQ(pool.take(), 0);
        size_t colour = class_bytes[usual] - pool.taken.back().size_bytes;
        EXPECT_EQ(colour % 128, 0u);
        EXPECT_LE(colour, KiB);
        colours.insert(colour);
    }
    EXPECT_EQ(colours.size(), 8u);
}

TEST(Stack, shouldCountWhatLivesAndWhatIsPooled)
{
    Pool pool;
    EXPECT_EQ(pool.counts().bytes_reserved, 0u);
    for (int i = 0; i < 100; i++)
        ASSERT_EQ(pool.take(), 0);
    EXPECT_EQ(pool.counts().live, 100u);
    EXPECT_GE(pool.counts().bytes_reserved, 100 * class_bytes[usual]);
    uint64_t all = pool.counts().live + pool.counts().pooled;
    for (int i = 0; i < 30; i++) {
        strand_stack_release(&pool.taken.back());
        pool.taken.pop_back();
    }
    EXPECT_EQ(pool.counts().live, 70u);
    EXPECT_EQ(pool.counts().live + pool.counts().pooled, all);
}

TEST(Stack, shouldPayForFewSlotsInASmallProgram)
{
    Pool pool;
    ASSERT_EQ(pool.take(), 0);
    EXPECT_LE(pool.counts().live + pool.counts().pooled, 8u);
}

TEST(Stack, shouldAbortWhenAPoolGoesBeforeItsStacks)
{
    EXPECT_DEATH(
        {
            Pool pool;
            strand_stack stack;
            strand_stack_acquire(pool.pool, usual, &stack);
        },
        "internal error");
}

TEST(Stack, shouldGiveWhatAStackHoldsByBytesInTheSmallestClass)
{
    Pool pool;
    for (unsigned size_class = smallest; size_class < end_of_classes; size_class++) {
        size_t fits = class_bytes[size_class] - KiB - control_bytes;
        for (size_t size_bytes : {fits, fits + 1}) {
            strand_stack stack;
            ASSERT_EQ(strand_stack_acquire_bytes(pool.pool, size_bytes, &stack), 0);
            EXPECT_EQ(stack.size_class, size_class + (size_bytes > fits));
            EXPECT_GE(strand_stack_frames_top(&stack), stack.low + size_bytes);
            EXPECT_LE(strand_stack_frames_top(&stack), stack.low + stack.size_bytes - control_bytes);
            pool.taken.push_back(stack);
        }
    }
    strand_stack stack;
    EXPECT_EQ(strand_stack_acquire_bytes(pool.pool, 0, &stack), -EINVAL);
    EXPECT_EQ(strand_stack_acquire_bytes(pool.pool, SIZE_MAX, &stack), -EINVAL);
    EXPECT_EQ(strand_stack_acquire_bytes(pool.pool, size_t(1) << 50, &stack), -ENOMEM);
}

TEST(Stack, shouldMapWhatIsLargerThanEveryClassAndUnmapIt)
{
    for (strand_stack_guards guards : {best_guards(), STRAND_STACK_GUARDS_MPROTECT}) {
        Pool pool(guards);
        strand_stack stack;
        size_t before = mappings();
        ASSERT_EQ(strand_stack_acquire_bytes(pool.pool, 100 * KiB * KiB, &stack), 0);
        EXPECT_EQ(stack.size_class, unsigned(STRAND_STACK_OWN));
        EXPECT_GE(strand_stack_counted_bytes(&stack), 100 * KiB * KiB);
        EXPECT_TRUE(faults(stack.low - 1));
        EXPECT_TRUE(faults(stack.low - 64 * KiB));
        EXPECT_FALSE(faults(stack.low));
        EXPECT_FALSE(faults(strand_stack_frames_top(&stack) - 1));
        EXPECT_EQ(pool.counts().live, 1u);
        EXPECT_GT(pool.counts().bytes_reserved, 100 * KiB * KiB);
        const char *low = stack.low;
        strand_stack_release(&stack);
        EXPECT_TRUE(faults(low));
        EXPECT_EQ(pool.counts().live, 0u);
        EXPECT_EQ(pool.counts().bytes_reserved, 0u);
        if (!sanitized) {
            EXPECT_LE(mappings(), before);
        }
    }
}

TEST(Stack, shouldRefuseAboveTheLimitOfAllAndSayItOnce)
{
    strand_stack_limit limit = {20 * KiB * KiB, 0, 0};
    strand_stack_pool_options options = {best_guards(), control_bytes, &limit};
    Pool first(options), second(options);
    testing::internal::CaptureStderr();
    for (int round = 0; round < 2; round++) {
        ASSERT_EQ(first.take(STRAND_STACK_1M), 0);
        ASSERT_EQ(second.take(STRAND_STACK_8M), 0);
        strand_stack own;
        ASSERT_EQ(strand_stack_acquire_bytes(first.pool, 9 * KiB * KiB, &own), 0);
        EXPECT_EQ(first.take(STRAND_STACK_8M), -EAGAIN);
        EXPECT_EQ(strand_stack_acquire_bytes(second.pool, 9 * KiB * KiB, &own), -EAGAIN);
        ASSERT_EQ(first.take(STRAND_STACK_1M), 0);
        EXPECT_EQ(second.take(STRAND_STACK_1M), -EAGAIN);
        strand_stack_release(&own);
        first.give_all();
        second.give_all();
        EXPECT_EQ(limit.used_bytes, 0u);
    }
    std::string told = testing::internal::GetCapturedStderr();
    EXPECT_NE(told.find("max_stack_bytes_all"), std::string::npos) << told;
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
}

TEST(Stack, shouldCountByClass)
{
    Pool pool;
    for (unsigned size_class = 0; size_class < end_of_classes; size_class++)
        for (unsigned i = 0; i <= size_class; i++)
            ASSERT_EQ(pool.take(size_class), 0);
    strand_stack_counts counts = pool.counts();
    for (unsigned size_class = 0; size_class < end_of_classes; size_class++) {
        EXPECT_EQ(counts.classes[size_class].usable_bytes, class_bytes[size_class]);
        EXPECT_EQ(counts.classes[size_class].live, size_class + 1);
        EXPECT_EQ(pool.taken[size_class * (size_class + 1) / 2].size_class, size_class);
        strand_stack_release(&pool.taken[size_class * (size_class + 1) / 2]);
        EXPECT_EQ(pool.counts().classes[size_class].live, size_class);
        EXPECT_EQ(pool.counts().classes[size_class].pooled, counts.classes[size_class].pooled + 1);
        ASSERT_EQ(strand_stack_acquire(pool.pool, size_class,
                                       &pool.taken[size_class * (size_class + 1) / 2]), 0);
    }
}

TEST(Stack, shouldPackDenseStacksInHugePageAlignedMemoryWithACanary)
{
    Pool pool;
    for (int i = 0; i < 1000; i++)
        ASSERT_EQ(pool.take(STRAND_STACK_DENSE), 0);
    auto [lowest, highest] = std::minmax_element(
        pool.taken.begin(), pool.taken.end(),
        [](const strand_stack &a, const strand_stack &b) { return a.low < b.low; });
    EXPECT_EQ(reinterpret_cast<uintptr_t>(lowest->low) % (2 * KiB * KiB), 0u);
    EXPECT_EQ(highest->low, lowest->low + 999 * 4 * KiB);
    for (const strand_stack &stack : pool.taken) {
        EXPECT_EQ(stack.size_bytes, 4 * KiB);
        EXPECT_FALSE(strand_stack_canary_intact(stack.low));
        strand_stack_canary_set(&stack);
        EXPECT_TRUE(strand_stack_canary_intact(stack.low));
    }
    memset(pool.taken[7].low, 0, 1);
    EXPECT_FALSE(strand_stack_canary_intact(pool.taken[7].low));
}

}   // namespace
