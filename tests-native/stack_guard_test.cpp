// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <alloca.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "environment.h"
#include "seccomp.h"
#include "stack_pool.h"

extern "C" {
#include "context.h"
}

namespace {

TEST(StackGuard, shouldGuardEveryStackFromBelow)
{
    for (strand_stack_guards guards : {best_guards(), STRAND_STACK_GUARDS_MPROTECT}) {
        Pool pool(guards);
        for (unsigned size_class = smallest; size_class < end_of_classes; size_class++)
            for (int i = 0; i < 10; i++) {
                ASSERT_EQ(pool.take(size_class), 0);
                const char *low = pool.taken.back().low;
                size_t guard_bytes = size_class < STRAND_STACK_64K ? strand_pages_size() : 64 * KiB;
                EXPECT_FALSE(faults(low));
                EXPECT_TRUE(faults(low - 1));
                EXPECT_TRUE(faults(low - guard_bytes));
            }
    }
}

bool takes_guarded_stacks(Pool &pool, int count)
{
    bool guarded = true;
    for (int i = 0; i < count; i++)
        guarded &= pool.take() == 0 && faults(pool.taken.back().low - 1) &&
                   faults(pool.taken.back().low - 64 * KiB) && !faults(pool.taken.back().low);
    return guarded;
}

bool batches_work()
{
    void *pages;
    EXPECT_EQ(strand_pages_reserve(2 * strand_pages_size(), &pages), 0);
    size_t installed = strand_guard_install_many(pages, strand_pages_size(), 0, 1);
    strand_pages_release(pages, 2 * strand_pages_size());
    return installed == 1;
}

// The arena is there, the kernel probed; then one call serves many guards.
[[noreturn]] void guard_by_batches_alone()
{
    Pool pool;
    pool.take();
    forbid({SYS_madvise, SYS_mprotect}, SECCOMP_RET_KILL_PROCESS);
    _exit(takes_guarded_stacks(pool, 300) ? 0 : 1);
}

TEST(StackGuard, shouldInstallGuardsInBatches)
{
    if (sanitized || !batches_work())
        GTEST_SKIP() << "this kernel takes one guard at a time, or a sanitizer maps memory";
    EXPECT_EXIT(guard_by_batches_alone(), testing::ExitedWithCode(0), "");
}

// Before the kernel is probed, and after it was found to take batches.
[[noreturn]] void guard_without_batches(bool probed)
{
    Pool pool;
    if (probed)
        pool.take();
    forbid({SYS_process_madvise}, SECCOMP_RET_ERRNO | EPERM);
    _exit(takes_guarded_stacks(pool, 300) ? 0 : 1);
}

TEST(StackGuard, shouldGuardOneByOneWhereBatchesAreRefused)
{
    if (emulated())
        GTEST_SKIP() << "the emulator has no seccomp";
    for (bool probed : {false, true})
        EXPECT_EXIT(guard_without_batches(probed), testing::ExitedWithCode(0), "");
}

TEST(StackGuard, shouldHaveNoGuardsOnlyByChoice)
{
    Pool pool(STRAND_STACK_GUARDS_NONE);
    ASSERT_EQ(pool.take(), 0);
    ASSERT_EQ(pool.take(), 0);
    EXPECT_FALSE(faults(pool.taken[1].low - 1));
}

void touch_the_guard()
{
    signal(SIGSEGV, SIG_DFL);   // a sanitizer's own handler would exit instead
    Pool pool;
    pool.take();
    *const_cast<volatile char *>(pool.taken[0].low - 1) = 'x';
}

TEST(StackGuard, shouldDieOfAGuardHit)
{
    EXPECT_EXIT(touch_the_guard(), testing::KilledBySignal(SIGSEGV), "");
}

// A frame of 1 MiB, far larger than the guard, on the highest of 40 stacks, those below filled with
// a canary: the probes of -fstack-clash-protection must meet the guard before anything else.
std::vector<strand_stack> *canaries;
strand_context test_context, strand_context_of_test;

__attribute__((noinline)) void use_large_frame(size_t size_bytes)
{
    char *frame = static_cast<char *>(alloca(size_bytes));
    asm volatile("" ::"r"(frame) : "memory");   // else a compiler keeps the one byte it sees used
    frame[0] = 'x';
    asm volatile("" ::"r"(frame) : "memory");
}

void check_canaries(int, siginfo_t *info, void *)
{
    const strand_stack &highest = canaries->back();
    const char *address = static_cast<char *>(info->si_addr);
    bool in_guard = address < highest.low && address >= highest.low - 64 * KiB;
    bool intact = true;
    for (size_t i = 0; i + 1 < canaries->size(); i++)
        for (size_t byte = 0; byte < (*canaries)[i].size_bytes; byte++)
            intact &= (*canaries)[i].low[byte] == 'c';
    _exit(in_guard && intact ? 0 : 1);
}

[[noreturn]] void overflow_the_highest_stack()
{
    static char handler_stack[256 * KiB];
    stack_t alternate = {};
    alternate.ss_sp = handler_stack;
    alternate.ss_size = sizeof handler_stack;
    sigaltstack(&alternate, nullptr);
    struct sigaction action = {};
    action.sa_sigaction = check_canaries;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);

    Pool pool;
    for (int i = 0; i < 40; i++)
        pool.take();
    std::sort(pool.taken.begin(), pool.taken.end(),
              [](const strand_stack &a, const strand_stack &b) { return a.low < b.low; });
    for (size_t i = 0; i + 1 < pool.taken.size(); i++)
        memset(pool.taken[i].low, 'c', pool.taken[i].size_bytes);
    canaries = &pool.taken;
    strand_stack &highest = pool.taken.back();
    strand_context_prepare(&strand_context_of_test, highest.low, highest.size_bytes, [](void *) {
        use_large_frame(KiB * KiB);
        _exit(2);
    });
    strand_context_switch(&test_context, &strand_context_of_test, nullptr);
    _exit(3);
}

TEST(StackGuard, shouldKeepNeighboursIntactUnderALargeFrame)
{
    if (sanitized)
        GTEST_SKIP() << "the sanitizers' own frames and shadows are touched first";
    EXPECT_EXIT(overflow_the_highest_stack(), testing::ExitedWithCode(0), "");
}

TEST(StackGuard, shouldHold100000StacksInFewMappings)
{
    if (!strand_guard_lightweight_works())
        GTEST_SKIP() << "this kernel has no MADV_GUARD_INSTALL that guards";
    Pool pool;
    size_t before = mappings();
    std::set<char *> lows;
    for (int i = 0; i < 100000; i++) {
        ASSERT_EQ(pool.take(), 0);
        lows.insert(pool.taken.back().low);
    }
    EXPECT_EQ(lows.size(), 100000u);
    EXPECT_LT(mappings(), before + (sanitized ? 20000 : 300));   // shadows are mappings too
    EXPECT_TRUE(faults(pool.taken.front().low - 1));
    EXPECT_TRUE(faults(pool.taken.back().low - 1));
}

TEST(StackGuard, shouldRefuseOnceGuardsByMprotectAreUsedUpAndSayWhy)
{
    if (under_valgrind())
        GTEST_SKIP() << "Valgrind has room for fewer mappings";
    size_t cap = strand_guard_mprotect_cap();
    if (cap > 200000)
        GTEST_SKIP() << "vm.max_map_count is raised: " << cap << " guards";
    for (int round = 0; round < 2; round++) {
        Pool pool(STRAND_STACK_GUARDS_MPROTECT);
        testing::internal::CaptureStderr();
        int status;
        while ((status = pool.take()) == 0 && pool.taken.size() <= cap)
            continue;
        int again = pool.take();
        std::string told = testing::internal::GetCapturedStderr();
        EXPECT_EQ(status, -EAGAIN);
        EXPECT_EQ(again, -EAGAIN);
        EXPECT_LE(pool.taken.size(), cap);
        EXPECT_GT(pool.taken.size(), cap - 100);
        EXPECT_EQ(told.find("vm.max_map_count") != std::string::npos, round == 0) << told;
        EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), round == 0 ? 1 : 0) << told;
        strand_stack_release(&pool.taken.back());
        pool.taken.pop_back();
        EXPECT_EQ(pool.take(), 0);
    }
}

size_t address_space_bytes()
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    EXPECT_EQ(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    return pages * strand_pages_size();
}

TEST(StackGuard, shouldGiveAllAddressSpaceBack)
{
    size_t before = address_space_bytes(), mapped = mappings();
    {
        Pool pool;
        for (unsigned size_class = smallest; size_class < end_of_classes; size_class++)
            for (int i = 0; i < 100; i++)
                ASSERT_EQ(pool.take(size_class), 0);
        EXPECT_GT(address_space_bytes(), before + 600 * KiB * KiB);
    }
    EXPECT_LE(address_space_bytes(), before + 16 * KiB * KiB);
    if (!sanitized) {    // a sanitizer maps memory of its own
        EXPECT_LE(mappings(), mapped + 8);
    }
}

[[noreturn]] void exhaust_address_space()
{
    rlimit limit = {address_space_bytes() + 32 * KiB * KiB, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
    Pool pool;
    int status;
    while ((status = pool.take()) == 0)
        continue;
    bool refused = status == -ENOMEM && pool.taken.size() > 100;
    strand_stack_release(&pool.taken.back());
    pool.taken.pop_back();
    _exit(refused && pool.take() == 0 ? 0 : 1);
}

TEST(StackGuard, shouldUseSmallerArenasWhereAddressSpaceIsShort)
{
    if (sanitized)
        GTEST_SKIP() << "the sanitizers need address space without limit";
    if (emulated())
        GTEST_SKIP() << "the emulator limits no address space";
    EXPECT_EXIT(exhaust_address_space(), testing::ExitedWithCode(0), "");
}

TEST(StackGuard, shouldForgetTheGuardsOfOwnMappings)
{
    Pool pool(STRAND_STACK_GUARDS_MPROTECT);
    for (size_t i = 0; i < strand_guard_mprotect_cap() + 10; i++) {
        strand_stack stack;
        ASSERT_EQ(strand_stack_acquire_bytes(pool.pool, 9 * KiB * KiB, &stack), 0);
        strand_stack_release(&stack);
    }
}

}   // namespace
