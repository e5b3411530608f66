// SPDX-License-Identifier: Apache-2.0
// Stacks as the public header shows them: classes, limits, guards by wish, dense stacks, and
// structures of older and newer programs.
#include "scheduler_fixture.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "environment.h"

namespace {

constexpr size_t KiB = 1024;
enum { DENSE, C8K, C16K, C64K, C256K, C1M, C8M };

class Limits : public SchedulerTest {
protected:
    void SetUp() override
    {
        options.size = sizeof options;
        SchedulerTest::SetUp();
    }

    void restart()
    {
        ASSERT_EQ(strand_scheduler_shutdown(scheduler), 0);
        scheduler = nullptr;
        ASSERT_EQ(strand_scheduler_init(&options, &scheduler), 0);
    }

    int spawn_parked(size_t stack_bytes = 0, int dense = 0)
    {
        struct strand_options wish{};
        wish.size = sizeof wish;
        wish.stack_bytes = stack_bytes;
        wish.dense_stack = dense;
        strand_id id;
        int status = strand_spawn_with(
            scheduler, &wish,
            [](void *argument) {
                strand_park("test", STRAND_FOREVER);
                ++*static_cast<int *>(argument);
            },
            &ended, &id);
        if (status == 0)
            ids.push_back(id);
        return status;
    }

    // Spawned before or after the others, it runs again when all have parked.
    void spawn_waker()
    {
        spawn([this] {
            strand_yield();
            strand_yield();
            for (strand_id id : ids)
                EXPECT_EQ(strand_wake(id), 0);
        });
    }

    void end_all()
    {
        EXPECT_EQ(run(), 0);
        EXPECT_EQ(size_t(ended), ids.size());
        ids.clear();
        ended = 0;
    }

    strand_scheduler_options options{};
    std::vector<strand_id> ids;
    int ended = 0;
};

TEST_F(Limits, shouldCountStacksByClass)
{
    const size_t usable[] = {4 * KiB, 8 * KiB, 16 * KiB, 64 * KiB, 256 * KiB, 1024 * KiB, 8192 * KiB};
    for (int i = C8K; i <= C8M; i++) {
        ASSERT_EQ(spawn_parked(usable[i]), 0);
        struct strand_scheduler_stats now = stats();
        EXPECT_EQ(now.stack_classes[i].usable_bytes, usable[i]);
        EXPECT_EQ(now.stack_classes[i].live, 1u);
        EXPECT_EQ(now.stacks_live, uint64_t(i));
    }
    EXPECT_EQ(spawn_parked(8192 * KiB + 1), -EINVAL);
    spawn([&] {
        struct strand_scheduler_stats before = stats();
        spawn([] {});
        EXPECT_EQ(stats().stack_classes[C256K].live, before.stack_classes[C256K].live + 1);
        strand_yield();
        EXPECT_EQ(stats().stack_classes[C256K].live, before.stack_classes[C256K].live);
        EXPECT_GT(stats().stack_classes[C256K].pooled, 0u);
    });
    spawn_waker();
    end_all();
    EXPECT_EQ(stats().stacks_live, 0u);
}

TEST_F(Limits, shouldRefuseStacksAboveTheLimitOfAllAndNameTheOption)
{
    options.max_stack_bytes_all = 1024 * KiB;
    restart();
    testing::internal::CaptureStderr();
    for (int round = 0; round < 2; round++) {
        int status;
        while ((status = spawn_parked(64 * KiB)) == 0)
            ASSERT_LT(ids.size(), 100u);
        EXPECT_EQ(status, -EAGAIN);
        EXPECT_EQ(ids.size(), 16u);
        EXPECT_EQ(spawn_parked(8 * KiB), -EAGAIN);
        ids.clear();
        strand_scheduler_stop(scheduler);
        EXPECT_EQ(run(), 0);
    }
    std::string told = without_notices(testing::internal::GetCapturedStderr());
    EXPECT_NE(told.find("max_stack_bytes_all"), std::string::npos) << told;
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
}

constexpr size_t many = 100000;

TEST_F(Limits, shouldRefuseClearlyAtTheCapOfGuardsByMprotect)
{
    if (under_valgrind())
        GTEST_SKIP() << "Valgrind has room for fewer mappings";
    if (thread_sanitized)
        GTEST_SKIP() << "ThreadSanitizer knows of 8,128 strands at most";
    options.guards = STRAND_GUARDS_MPROTECT;
    restart();
    EXPECT_STREQ(stats().guards, "mprotect");
    spawn_waker();      // afterwards there is no stack left for it
    testing::internal::CaptureStderr();
    int status = 0;
    while (ids.size() < many && (status = spawn_parked()) == 0)
        continue;
    size_t had = ids.size();
    end_all();
    std::string told = without_notices(testing::internal::GetCapturedStderr());
    if (had == many)
        GTEST_SKIP() << "vm.max_map_count is raised";
    EXPECT_EQ(status, -EAGAIN);
    EXPECT_GT(had, 10000u);
    EXPECT_NE(told.find("vm.max_map_count"), std::string::npos) << told;
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
}

TEST_F(Limits, shouldRunAllWithoutGuardsByWish)
{
    if (under_valgrind())
        GTEST_SKIP() << "Valgrind has room for fewer mappings";
    if (thread_sanitized)
        GTEST_SKIP() << "ThreadSanitizer knows of 8,128 strands at most";
    options.guards = STRAND_GUARDS_NONE;
    restart();
    EXPECT_STREQ(stats().guards, "none");
    while (ids.size() < many)
        ASSERT_EQ(spawn_parked(), 0);
    spawn_waker();
    end_all();
}

// By mincore: a spawn, a yield and a park stay on the page of the control block.
TEST_F(Limits, shouldHoldLightlyUsedStrandsOnOnePage)
{
    if (sanitized)
        GTEST_SKIP() << "instrumented frames are larger";
    if (emulated())
        GTEST_SKIP() << "the emulator's guards are mprotect's: fewer than these strands";
    static std::vector<char *> frames;
    frames.clear();
    for (size_t i = 0; i < many; i++)
        spawn([this] {
            char here;
            asm volatile("" ::"r"(&here) : "memory");
            frames.push_back(&here);
            ids.push_back(strand_self());
            strand_yield();
            strand_park("light", STRAND_FOREVER);
            ended++;
        });
    size_t light = 0, page = size_t(sysconf(_SC_PAGESIZE));
    spawn([&] {
        while (frames.size() < many)
            strand_yield();
        strand_yield();
        for (char *frame : frames) {
            auto top = reinterpret_cast<uintptr_t>(frame) & ~(page - 1);
            unsigned char resident[8];
            EXPECT_EQ(mincore(reinterpret_cast<void *>(top - 7 * page), 8 * page, resident), 0);
            light += std::count_if(resident, resident + 8, [](int r) { return r & 1; }) == 1;
        }
        for (strand_id id : ids)
            EXPECT_EQ(strand_wake(id), 0);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(size_t(ended), many);
    EXPECT_GE(light, many * 95 / 100);
}

// ---- dense stacks

// Where the control block leaves room for frames in 4 KiB: a ucontext_t in it is too much.
int dense_class()
{
    return sanitized || STRAND_TEST_CONTEXT == std::string("ucontext") ? C16K : DENSE;
}

TEST_F(Limits, shouldRunDenseStrandsByWish)
{
    for (int i = 0; i < 1000; i++)
        ASSERT_EQ(spawn_parked(i % 2 ? 4 * KiB : 0, 1), 0);
    EXPECT_EQ(stats().stack_classes[dense_class()].live, 1000u);
    EXPECT_EQ(stats().stack_classes[C256K].live, 0u);
    EXPECT_EQ(spawn_parked(4 * KiB + 1, 1), -EINVAL);
    spawn_waker();
    end_all();
    EXPECT_EQ(stats().stack_classes[dense_class()].live, 0u);
}

TEST_F(Limits, shouldGiveDenseStacksToThoseThatNameNoSize)
{
    options.dense_stacks = 1;
    restart();
    ASSERT_EQ(spawn_parked(), 0);
    strand_id plain;
    ASSERT_EQ(strand_spawn(scheduler, [](void *) { strand_yield(); }, nullptr, &plain), 0);
    ASSERT_EQ(spawn_parked(64 * KiB), 0);
    EXPECT_EQ(stats().stack_classes[dense_class()].live, 2u);
    EXPECT_EQ(stats().stack_classes[C64K].live, 1u);
    spawn_waker();
    end_all();
}

size_t memory_bytes()
{
    size_t rss = 0, tables = 0;
    char line[128];
    FILE *file = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "VmRSS: %zu", &rss);
        sscanf(line, "VmPTE: %zu", &tables);
    }
    fclose(file);
    return (rss + tables) * KiB;
}

TEST_F(Limits, shouldHoldADenseStrandInLessThan4400Bytes)
{
    if (sanitized || under_valgrind())
        GTEST_SKIP() << "the tools keep books of their own";
    if (dense_class() != DENSE)
        GTEST_SKIP() << "no dense stacks where frames or contexts are large";
    ids.reserve(many);
    memset(static_cast<void *>(ids.data()), 1, many * sizeof ids[0]);
    size_t before = memory_bytes();
    for (size_t i = 0; i < many; i++)
        ASSERT_EQ(spawn_parked(0, 1), 0);
    size_t after = 0;
    spawn([&] { after = memory_bytes(); });
    spawn_waker();
    end_all();
    EXPECT_LT((after - before) / many, 44 * KiB / 10);
}

void overwrite_lowest_word()
{
    char *here = static_cast<char *>(__builtin_frame_address(0));
    asm volatile("" : "+r"(here));
    auto low = reinterpret_cast<uintptr_t>(here) & ~(4 * KiB - 1);
    *reinterpret_cast<volatile uint64_t *>(low) = 7;
}

// Runs `deep` on a dense stack, then `next`, in a scheduler of the child's own.
void overrun(void (*deep)(void *), void (*next)(void *))
{
    strand_scheduler *scheduler;
    strand_scheduler_init(nullptr, &scheduler);
    struct strand_options wish{};
    wish.size = sizeof wish;
    wish.name = "deep one";
    wish.dense_stack = 1;
    strand_spawn_with(scheduler, &wish, deep, nullptr, nullptr);
    if (next)
        strand_spawn(scheduler, next, nullptr, nullptr);
    strand_scheduler_run(scheduler);
}

const char overrun_text[] =
    "strand [1-9a-f][0-9a-f]* \"deep one\": dense stack of 4096 bytes overrun; use stack_bytes";

TEST_F(Limits, shouldNameTheStrandThatOverranItsDenseStackAtItsEnd)
{
    if (dense_class() != DENSE)
        GTEST_SKIP() << "no dense stacks where frames or contexts are large";
    EXPECT_EXIT(overrun([](void *) { overwrite_lowest_word(); }, nullptr),
                testing::KilledBySignal(SIGABRT), overrun_text);
    auto with_result = [](void *) {
        static int result;
        overwrite_lowest_word();
        strand_exit(&result);
    };
    EXPECT_EXIT(overrun(with_result, nullptr), testing::KilledBySignal(SIGABRT), overrun_text);
}

TEST_F(Limits, shouldNameTheStrandThatOverranItsDenseStackBeforeTheNextRuns)
{
    if (dense_class() != DENSE)
        GTEST_SKIP() << "no dense stacks where frames or contexts are large";
    auto yields = [](void *) {
        overwrite_lowest_word();
        strand_yield();
    };
    auto parks = [](void *) {
        overwrite_lowest_word();
        strand_park("after an overrun", STRAND_FOREVER);
    };
    auto ends_the_process = [](void *) { _exit(0); };
    EXPECT_EXIT(overrun(yields, ends_the_process), testing::KilledBySignal(SIGABRT), overrun_text);
    EXPECT_EXIT(overrun(parks, ends_the_process), testing::KilledBySignal(SIGABRT), overrun_text);
    EXPECT_EXIT(overrun(parks, nullptr), testing::KilledBySignal(SIGABRT), overrun_text);
}

// ---- structures of other versions

TEST_F(Limits, shouldTakeOptionsOfOlderAndNewerPrograms)
{
    options.stack_bytes = 8 * KiB;
    options.dense_stacks = 1;       // beyond what an older program's structure has
    options.size = offsetof(strand_scheduler_options, grace_ns) + sizeof options.grace_ns;
    restart();
    struct {
        struct strand_options known{};
        char more[64] = {1};
    } wish;
    wish.known.dense_stack = 1;
    wish.known.stack_bytes = 64 * KiB;
    auto nothing = [](void *) {};
    wish.known.size = offsetof(struct strand_options, stack_bytes) + sizeof wish.known.stack_bytes;
    EXPECT_EQ(strand_spawn_with(scheduler, &wish.known, nothing, nullptr, nullptr), 0);
    EXPECT_EQ(stats().stack_classes[C64K].live, 1u);
    wish.known.size--;
    EXPECT_EQ(strand_spawn_with(scheduler, &wish.known, nothing, nullptr, nullptr), -EINVAL);
    wish.known.size = sizeof wish;
    EXPECT_EQ(strand_spawn_with(scheduler, &wish.known, nothing, nullptr, nullptr), -EINVAL);
    wish.known.dense_stack = 0;
    EXPECT_EQ(strand_spawn_with(scheduler, &wish.known, nothing, nullptr, nullptr), 0);
    EXPECT_EQ(strand_spawn(scheduler, nothing, nullptr, nullptr), 0);
    EXPECT_EQ(stats().stack_classes[C8K].live, 1u);
    EXPECT_EQ(run(), 0);
    options.size = offsetof(strand_scheduler_options, grace_ns);
    strand_scheduler *none;
    EXPECT_EQ(strand_scheduler_init(&options, &none), -EINVAL);
}

TEST_F(Limits, shouldFillStatsOfOlderAndNewerPrograms)
{
    struct {
        struct strand_scheduler_stats known;
        char more[64];
    } out;
    memset(&out, 7, sizeof out);
    size_t first = offsetof(struct strand_scheduler_stats, guards) + sizeof(char *);
    out.known.size = first;
    ASSERT_EQ(strand_scheduler_stats(scheduler, &out.known), 0);
    EXPECT_EQ(out.known.size, first);
    EXPECT_STREQ(out.known.context, stats().context);
    EXPECT_EQ(out.known.segments_linked, uint64_t(0x0707070707070707)) << "not the caller's";
    out.known.size = sizeof out;
    ASSERT_EQ(strand_scheduler_stats(scheduler, &out.known), 0);
    EXPECT_EQ(out.known.stack_classes[C8M].usable_bytes, 8192 * KiB);
    EXPECT_EQ(out.more[0], 7);
    out.known.size = first - 1;
    EXPECT_EQ(strand_scheduler_stats(scheduler, &out.known), -EINVAL);
}

}   // namespace
