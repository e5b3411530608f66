// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "environment.h"
#include "seccomp.h"
#include "stack_pool.h"

extern "C" {
#include "sweep.h"
}

namespace {

size_t resident_pages(const strand_stack &stack)
{
    size_t page = strand_pages_size();
    size_t pages = (stack.size_bytes + page - 1) / page, resident = 0;
    std::vector<unsigned char> in_memory(pages);
    EXPECT_EQ(mincore(stack.low, pages * page, in_memory.data()), 0);
    for (unsigned char it : in_memory)
        resident += it & 1;
    return resident;
}

size_t all_pages(unsigned size_class)
{
    return class_bytes[size_class] / strand_pages_size();
}

// What the owners of live stacks tell, by the slot's top.
struct Owners {
    struct Answer {
        strand_stack_use use;
        const strand_stack *stack;
        char *sp;
    };
    std::map<char *, Answer> answers;

    static strand_stack_use answer(void *context, char *top, const strand_stack **stack, char **sp)
    {
        auto *owners = static_cast<Owners *>(context);
        auto found = owners->answers.find(top);
        if (found == owners->answers.end())
            return STRAND_STACK_UNKNOWN;
        *stack = found->second.stack;
        *sp = found->second.sp;
        return found->second.use;
    }
};

char *top_of(const strand_stack &stack)
{
    return stack.low + stack.size_bytes;
}

size_t sweep(Pool &pool, Owners owners = {}, size_t slots = SIZE_MAX)
{
    size_t steps = 1;
    strand_stack_sweep_begin(pool.pool);
    while (strand_stack_sweep(pool.pool, slots, Owners::answer, &owners))
        steps++;
    return steps;
}

strand_stack use_deeply(Pool &pool, unsigned size_class)
{
    strand_stack stack;
    EXPECT_EQ(strand_stack_acquire(pool.pool, size_class, &stack), 0);
    memset(stack.low, 'x', stack.size_bytes);
    return stack;
}

uint64_t trimmed(const Pool &pool, unsigned size_class)
{
    return pool.counts().classes[size_class].trimmed;
}

TEST(StackSweep, shouldTrimASlotThatStayedInThePoolFromOneSweepToTheNext)
{
    for (unsigned size_class = smallest; size_class < end_of_classes; size_class++) {
        Pool pool;
        strand_stack stack = use_deeply(pool, size_class), again = stack;
        strand_stack_release(&stack);
        sweep(pool);
        EXPECT_EQ(resident_pages(again), all_pages(size_class));
        EXPECT_EQ(trimmed(pool, size_class), 0u);
        sweep(pool);
        EXPECT_EQ(resident_pages(again), 1u);
        EXPECT_EQ(trimmed(pool, size_class), 1u);
        EXPECT_EQ(top_of(again)[-1], 'x') << "the control block's page stays";
        EXPECT_TRUE(faults(again.low - 1));
        EXPECT_FALSE(faults(again.low));
    }
}

TEST(StackSweep, shouldLeaveTheBusySlotsOfAPoolAlone)
{
    Pool pool;
    strand_stack stack;
    for (int round = 0; round < 5; round++) {
        stack = use_deeply(pool, usual);
        strand_stack again = stack;
        strand_stack_release(&stack);
        sweep(pool);
        EXPECT_EQ(resident_pages(again), all_pages(usual));
    }
    EXPECT_EQ(trimmed(pool, usual), 0u);
}

// Whatever is taken and given: nothing that was out between two sweeps is trimmed by the second.
TEST(StackSweep, shouldKnowWhichSlotsWereTakenSinceTheLastSweep)
{
    std::mt19937 random(7);
    Pool pool;
    for (int i = 0; i < 200; i++)
        pool.taken.push_back(use_deeply(pool, STRAND_STACK_8K));
    for (int round = 0; round < 60; round++) {
        std::set<char *> out;
        std::map<char *, size_t> before;
        for (const strand_stack &stack : pool.taken)
            out.insert(stack.low);
        sweep(pool);
        for (int move = int(random() % 100); move-- > 0;) {
            if (!pool.taken.empty() && random() % 2) {
                std::swap(pool.taken[random() % pool.taken.size()], pool.taken.back());
                strand_stack_release(&pool.taken.back());
                pool.taken.pop_back();
            } else {
                pool.taken.push_back(use_deeply(pool, STRAND_STACK_8K));
                out.insert(pool.taken.back().low);
            }
        }
        sweep(pool);
        for (char *low : out)
            ASSERT_EQ(*low, 'x') << "round " << round;
    }
    EXPECT_GT(trimmed(pool, STRAND_STACK_8K), 0u);
}

TEST(StackSweep, shouldTrimMostOfAPoolOfWhichFewAreBusy)
{
    Pool pool;
    for (int i = 0; i < 200; i++)
        pool.taken.push_back(use_deeply(pool, usual));
    pool.give_all();
    for (int round = 0; round < 2; round++) {
        sweep(pool);
        for (int i = 0; i < 5; i++)
            pool.taken.push_back(use_deeply(pool, usual));
        pool.give_all();
    }
    sweep(pool);
    EXPECT_GE(trimmed(pool, usual), 200u - 4 * 5);
    EXPECT_LE(trimmed(pool, usual), 200u - 5);
}

TEST(StackSweep, shouldLookAtAPooledSlotOnceAfterEachUse)
{
    if (sanitized)
        GTEST_SKIP() << "the sanitizers map memory when they like";
    if (emulated())
        GTEST_SKIP() << "the emulator has no seccomp";
    EXPECT_EXIT(
        {
            Pool pool;
            while (pool.taken.empty() || pool.counts().pooled > 0)
                pool.taken.push_back(use_deeply(pool, usual));
            pool.give_all();
            for (int round = 0; round < 3; round++)
                sweep(pool);
            forbid({SYS_mincore, SYS_madvise}, SECCOMP_RET_KILL_PROCESS);
            sweep(pool);
            _exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST(StackSweep, shouldTrimALiveStackBelowItsStackPointer)
{
    Pool pool;
    strand_stack stack = use_deeply(pool, STRAND_STACK_256K);
    size_t page = strand_pages_size();
    char *high = stack.low + class_bytes[STRAND_STACK_256K];
    char *sp = high - 3 * page + 100;    // in the third page from the top
    Owners owners;
    owners.answers[top_of(stack)] = {STRAND_STACK_IDLE, &stack, sp};
    sweep(pool, owners);
    EXPECT_EQ(resident_pages(stack), 3u);
    EXPECT_EQ(trimmed(pool, STRAND_STACK_256K), 1u);
    EXPECT_TRUE(faults(stack.low - 1));
    sweep(pool, owners);
    EXPECT_EQ(trimmed(pool, STRAND_STACK_256K), 1u) << "there was nothing left to give back";
    EXPECT_TRUE(std::all_of(high - 3 * page, top_of(stack), [](char c) { return c == 'x'; }));
    EXPECT_TRUE(std::all_of(stack.low, high - 3 * page, [](char c) { return c == 0; }));
    strand_stack_release(&stack);
}

TEST(StackSweep, shouldTrimTheSegmentThatAnOwnerNames)
{
    Pool pool;
    strand_stack first = use_deeply(pool, usual), further = use_deeply(pool, STRAND_STACK_1M), own;
    ASSERT_EQ(strand_stack_acquire_bytes(pool.pool, 9 * KiB * KiB, &own), 0);
    memset(own.low, 'x', own.size_bytes);
    for (strand_stack *segment : {&further, &own}) {
        Owners owners;
        owners.answers[top_of(first)] = {STRAND_STACK_IDLE, segment, top_of(*segment) - 1};
        sweep(pool, owners);
        EXPECT_EQ(resident_pages(*segment), 1u);
    }
    EXPECT_EQ(resident_pages(first), all_pages(usual));
    for (strand_stack *stack : {&first, &further, &own})
        strand_stack_release(stack);
}

TEST(StackSweep, shouldLeaveAloneWhatIsBusyOrNobodysItKnows)
{
    Pool pool;
    pool.taken.push_back(use_deeply(pool, usual));
    pool.taken.push_back(use_deeply(pool, usual));
    Owners owners;
    owners.answers[top_of(pool.taken[0])] = {STRAND_STACK_BUSY, nullptr, nullptr};
    for (int round = 0; round < 3; round++)
        sweep(pool, owners);
    for (const strand_stack &stack : pool.taken)
        EXPECT_EQ(resident_pages(stack), all_pages(usual));
}

TEST(StackSweep, shouldCountWhatIsResident)
{
    Pool pool;
    for (int i = 0; i < 8; i++)
        ASSERT_EQ(pool.take(), 0);
    size_t page = strand_pages_size();
    for (int i = 0; i < 8; i++)
        memset(top_of(pool.taken[i]) - i * page - 1, 'x', i * page + 1);
    EXPECT_EQ(pool.counts().bytes_resident, 0u);
    sweep(pool);
    EXPECT_EQ(pool.counts().bytes_resident, (8 + 7 * 8 / 2) * page);
    pool.give_all();
    sweep(pool);
    sweep(pool);
    EXPECT_EQ(pool.counts().bytes_resident, 8 * page);
}

TEST(StackSweep, shouldGoBySmallSteps)
{
    Pool pool;
    for (int i = 0; i < 100; i++)
        ASSERT_EQ(pool.take(), 0);
    pool.give_all();
    sweep(pool);
    EXPECT_GE(sweep(pool, {}, 10), 20u);   // a hundred pooled ones, then every slot there is
    EXPECT_EQ(sweep(pool), 1u);
}

TEST(StackSweep, shouldKeepTheLimitAfterASweep)
{
    strand_stack_limit limit = {class_bytes[usual], 0, 0};
    strand_stack_pool_options options = {best_guards(), control_bytes, &limit};
    Pool pool(options);
    for (int round = 0; round < 3; round++) {
        ASSERT_EQ(pool.take(), 0);
        sweep(pool);
        testing::internal::CaptureStderr();
        EXPECT_EQ(pool.take(), -EAGAIN);
        testing::internal::GetCapturedStderr();
        pool.give_all();        // above what the sweep saw: still no fast way past the limit
        EXPECT_EQ(limit.used_bytes, 0u);
    }
}

}   // namespace
