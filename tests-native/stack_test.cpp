// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <alloca.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "environment.h"

extern "C" {
#include "context.h"
#include "guard.h"
#include "pages.h"
#include "stack.h"
}

namespace {

constexpr size_t KiB = 1024;
constexpr size_t class_bytes[] = {8 * KiB, 16 * KiB, 64 * KiB, 256 * KiB, 1024 * KiB, 8192 * KiB};
constexpr unsigned usual = 2;   // 64 KiB

strand_stack_guards best_guards()
{
    return strand_guard_lightweight_works() ? STRAND_STACK_GUARDS_LIGHTWEIGHT
                                            : STRAND_STACK_GUARDS_MPROTECT;
}

struct Pool {
    strand_stack_pool *pool = nullptr;
    std::vector<strand_stack> taken;

    explicit Pool(strand_stack_guards guards = best_guards())
    {
        EXPECT_EQ(strand_stack_pool_create(guards, &pool), 0);
    }
    ~Pool()
    {
        for (strand_stack &stack : taken)
            strand_stack_release(&stack);
        strand_stack_pool_destroy(pool);
    }
    int take(unsigned size_class = usual)
    {
        strand_stack stack;
        int status = strand_stack_acquire(pool, size_class, &stack);
        if (status == 0)
            taken.push_back(stack);
        return status;
    }
    strand_stack_counts counts() const
    {
        strand_stack_counts counts;
        strand_stack_pool_count(pool, &counts);
        return counts;
    }
};

// The kernel's own touch: EFAULT instead of a signal.
bool faults(const char *byte)
{
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    bool fault = write(ends[1], byte, 1) < 0 && errno == EFAULT;
    close(ends[0]);
    close(ends[1]);
    return fault;
}

size_t mappings()
{
    FILE *file = fopen("/proc/self/maps", "re");
    size_t lines = 0;
    for (int c; (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

TEST(Stack, shouldChooseTheSmallestClassThatFits)
{
    EXPECT_EQ(strand_stack_class_for(1), 0);
    for (int i = 0; i < 6; i++) {
        EXPECT_EQ(strand_stack_class_for(class_bytes[i]), i);
        EXPECT_EQ(strand_stack_class_for(class_bytes[i] + 1), i < 5 ? i + 1 : -EINVAL);
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
    for (unsigned size_class = 0; size_class < 6; size_class++) {
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

TEST(Stack, shouldGuardEveryStackFromBelow)
{
    for (strand_stack_guards guards : {best_guards(), STRAND_STACK_GUARDS_MPROTECT}) {
        Pool pool(guards);
        for (unsigned size_class = 0; size_class < 6; size_class++)
            for (int i = 0; i < 10; i++) {
                ASSERT_EQ(pool.take(size_class), 0);
                const char *low = pool.taken.back().low;
                size_t guard_bytes = size_class < 2 ? strand_pages_size() : 64 * KiB;
                EXPECT_FALSE(faults(low));
                EXPECT_TRUE(faults(low - 1));
                EXPECT_TRUE(faults(low - guard_bytes));
            }
    }
}

TEST(Stack, shouldHaveNoGuardsOnlyByChoice)
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

TEST(Stack, shouldDieOfAGuardHit)
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

TEST(Stack, shouldKeepNeighboursIntactUnderALargeFrame)
{
    if (sanitized)
        GTEST_SKIP() << "the sanitizers' own frames and shadows are touched first";
    EXPECT_EXIT(overflow_the_highest_stack(), testing::ExitedWithCode(0), "");
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
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    sock_fprog filter = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        _exit(77);
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

TEST(Stack, shouldHold100000StacksInFewMappings)
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

TEST(Stack, shouldRefuseOnceGuardsByMprotectAreUsedUpAndSayWhy)
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

TEST(Stack, shouldGiveAllAddressSpaceBack)
{
    size_t before = address_space_bytes(), mapped = mappings();
    {
        Pool pool;
        for (unsigned size_class = 0; size_class < 6; size_class++)
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

TEST(Stack, shouldUseSmallerArenasWhereAddressSpaceIsShort)
{
    if (sanitized)
        GTEST_SKIP() << "the sanitizers need address space without limit";
    if (emulated())
        GTEST_SKIP() << "the emulator limits no address space";
    EXPECT_EXIT(exhaust_address_space(), testing::ExitedWithCode(0), "");
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

}   // namespace
