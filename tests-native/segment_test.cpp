// SPDX-License-Identifier: Apache-2.0
// Growth of stacks by linked segments, through the public header.
#include "environment.h"
#include "segment_fixture.h"

#include <alloca.h>

#include <algorithm>
#include <cerrno>
#include <cfenv>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace {

TEST_F(Segment, shouldRunHereWhatFits)
{
    spawn([this] {
        size_t before = strand_stack_remaining();
        EXPECT_EQ(call_with(64 * KIB, [=] {
            EXPECT_LT(strand_stack_remaining(), before);
            EXPECT_GT(strand_stack_remaining(), before - 8 * KIB);
        }), 0);
        EXPECT_EQ(linked(), 0u);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Segment, shouldGiveAtLeastWhatIsAskedAndTakeItBack)
{
    spawn_small([this] {
        uint64_t before = stats().stacks_live;
        size_t here = strand_stack_remaining();
        for (size_t bytes = 7 * KIB; bytes <= 32 * KIB * KIB; bytes += bytes / 2 + 1) {
            bool ran = false;
            EXPECT_EQ(call_with(bytes, [&] {
                ran = true;
                EXPECT_GE(strand_stack_remaining() + KIB, bytes);
                size_t most = bytes < 8 * KIB * KIB ? bytes : 8 * KIB * KIB;
                auto *all = static_cast<char *>(alloca(most - 2 * KIB));
                memset(all, 1, most - 2 * KIB);
                __asm__ volatile("" : : "r"(all) : "memory");
            }), 0);
            EXPECT_TRUE(ran);
            EXPECT_EQ(stats().stacks_live, before);
        }
        EXPECT_EQ(strand_stack_remaining(), here);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_GT(linked(), 10u);
}

TEST_F(Segment, shouldRefuseWhatCannotBe)
{
    static bool ran;
    ran = false;
    auto fn = [](void *) { ran = true; };
    EXPECT_EQ(strand_call(KIB, fn, nullptr), -EPERM);
    EXPECT_EQ(strand_stack_remaining(), 0u);
    spawn([fn] {
        EXPECT_EQ(strand_call(0, fn, nullptr), -EINVAL);
        EXPECT_EQ(strand_call(SIZE_MAX, fn, nullptr), -EINVAL);
        EXPECT_EQ(strand_call(KIB, nullptr, nullptr), -EINVAL);
        EXPECT_EQ(strand_call(SIZE_MAX / 8, fn, nullptr), -ENOMEM);
        static int inside;
        strand_call_on_carrier([](void *) { inside = strand_call(KIB, [](void *) {}, nullptr); },
                               nullptr);
        EXPECT_EQ(inside, -EPERM);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_FALSE(ran);
}

struct Descent {
    size_t step_bytes;
    int depth = 0, status = 0;
};

void descend(void *argument)
{
    auto *descent = static_cast<Descent *>(argument);
    volatile char pad[256] = {1};
    descent->depth++;
    int status = strand_call(descent->step_bytes, descend, descent);
    if (status < 0)
        descent->status = status;
    (void)pad[0];
}

TEST_F(Segment, shouldStopAtTheStrandsLimitWithoutRunning)
{
    spawn_small([this] {
        Descent descent{2 * KIB};
        descend(&descent);
        EXPECT_EQ(descent.status, -EAGAIN);
        EXPECT_GT(descent.depth, 10);
        EXPECT_LT(descent.depth, 1200);
        EXPECT_GT(linked(), 1u);
    }, 300 * KIB);
    EXPECT_EQ(run(), 0);
}

TEST_F(Segment, shouldTakeTheSchedulersLimitWhereTheStrandNamesNone)
{
    strand_scheduler_options options{};
    options.max_stack_bytes = 100 * KIB;
    use(options);
    for (size_t own : {size_t{0}, 1000 * KIB})
        spawn_small([own] { EXPECT_EQ(call_with(200 * KIB, [] {}), own ? 0 : -EAGAIN); }, own);
    EXPECT_EQ(run(), 0);
}

TEST_F(Segment, shouldBoundTheSegmentsOfAllTogether)
{
    strand_scheduler_options options{};
    options.max_stack_bytes_all = 2200 * KIB;
    use(options);
    auto body = [this](char done) {
        return [this, done] {
            if (call_with(900 * KIB, [] { strand_yield(); }) == 0)
                order += done;
            else
                order += 'x';
        };
    };
    for (char name : {'a', 'b', 'c'})
        spawn_small(body(name));
    spawn_small([=] {
        strand_yield();
        strand_yield();
        body('d')();
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "xabd");
}

// Twice the last segment's size is no class here: what would be charged is 64 KiB.
TEST_F(Segment, shouldTellOfNoRefusalWhereLessWillDo)
{
    strand_scheduler_options options{};
    options.stack_bytes = 16 * KIB;
    options.max_stack_bytes_all = 56 * KIB;
    use(options);
    testing::internal::CaptureStderr();
    spawn([] {
        auto *most = static_cast<char *>(alloca(6 * KIB));
        __asm__ volatile("" : : "r"(most) : "memory");
        EXPECT_EQ(call_with(9 * KIB, [] {}), 0);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(testing::internal::GetCapturedStderr().find("no more stacks"), std::string::npos);
    EXPECT_EQ(linked(), 1u);
}

// Whichever stack the segment is obtained on: the carrier's, where the strand's has no room for it.
TEST_F(Segment, shouldBeginInTheRoundingModeOfItsStrand)
{
    std::vector<int> seen;
    auto body = [&seen] {
        std::fesetround(FE_UPWARD);
        EXPECT_EQ(call_with(1024 * KIB, [&seen] { seen.push_back(std::fegetround()); }), 0);
        EXPECT_EQ(std::fegetround(), FE_UPWARD);
        std::fesetround(FE_TONEAREST);
    };
    spawn_small(body);
    spawn(body);
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(seen, (std::vector<int>{FE_UPWARD, FE_UPWARD}));
    EXPECT_EQ(linked(), 2u);
}

TEST_F(Segment, shouldKeepStrandsApartThatParkOnTheirSegments)
{
    constexpr int STRANDS = 50, ROUNDS = 20;
    int done = 0;
    std::function<void(int, int)> nest = [&](int name, int depth) {
        int values[32];
        for (int &value : values)
            value = name * 1000 + depth;
        if (depth < 6) {
            EXPECT_EQ(call_with(8 * KIB << depth, [&, depth] { nest(name, depth + 1); }), 0);
        } else {
            for (int round = 0; round < ROUNDS; round++) {
                EXPECT_EQ(strand_sleep(1), 0);
                strand_yield();
            }
            done++;
        }
        strand_yield();
        for (int value : values)
            ASSERT_EQ(value, name * 1000 + depth);
    };
    for (int name = 0; name < STRANDS; name++)
        spawn_small([&, name] { nest(name, 0); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(done, STRANDS);
    EXPECT_GE(linked(), STRANDS * 4u);
}

TEST_F(Segment, shouldServeStrandsOfOtherThreads)
{
    std::thread([this] {
        spawn_small([this] { EXPECT_EQ(call_with(64 * KIB, [this] { order += 'a'; }), 0); });
    }).join();
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "a");
}

TEST_F(Segment, shouldBeCancelledAndJoinedInside)
{
    strand_id parked = spawn_small([] {
        EXPECT_EQ(call_with(64 * KIB, [] {
            EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED);
        }), 0);
    });
    spawn_small([parked] {
        strand_yield();
        EXPECT_EQ(call_with(64 * KIB, [parked] {
            EXPECT_EQ(strand_cancel(parked), 0);
            EXPECT_EQ(strand_join(parked, STRAND_FOREVER, nullptr), 0);
        }), 0);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Segment, shouldGiveAllBackWhenAStrandEndsInside)
{
    static std::string *log;
    log = &order;
    static strand_key key;
    ASSERT_EQ(strand_key_create([](void *) { *log += 'l'; }, &key), 0);
    spawn_small([this] {
        strand_id child = spawn_small([this] {
            strand_set_local(key, this);
            call_with(64 * KIB, [] {
                strand_defer([](void *) {
                    *log += 'd';
                    EXPECT_EQ(call_with(16 * KIB * KIB, [] { *log += 's'; }), 0);
                }, nullptr);
                call_with(300 * KIB, [] { call_with(2048 * KIB, [] { strand_exit(log); }); });
            });
            ADD_FAILURE();
        });
        void *result = nullptr;
        EXPECT_EQ(strand_join(child, STRAND_FOREVER, &result), 0);
        EXPECT_EQ(result, log);
        strand_yield();
        EXPECT_EQ(stats().segments_freed, 4u);
        EXPECT_EQ(stats().stacks_live, 1u);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "dsl");
}

TEST_F(Segment, shouldCatchInsideWhatIsThrownInside)
{
    spawn_small([this] {
        EXPECT_EQ(call_with(64 * KIB, [this] {
            try {
                strand_yield();
                throw std::runtime_error("inside");
            } catch (const std::exception &e) {
                order += e.what();
            }
        }), 0);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "inside");
}

// A scheduler belongs to one process, and a death test forks.
void let_an_exception_leave_a_segment()
{
    strand_scheduler *scheduler = nullptr;
    strand_scheduler_init(nullptr, &scheduler);
    strand_spawn(
        scheduler,
        [](void *) {
            call_with(512 * KIB, [] { throw std::runtime_error("left behind"); });
        },
        nullptr, nullptr);
    strand_scheduler_run(scheduler);
}

TEST_F(Segment, shouldTerminateWhenAnExceptionLeavesASegment)
{
    EXPECT_DEATH(let_an_exception_leave_a_segment(), "terminate called(.|\n)*left behind");
}

__attribute__((noinline)) int overrun(volatile int *above)
{
    volatile int here[64];
    here[0] = *above + 1;
    return here[0] ? overrun(here) + here[0] : 0;
}

void overflow_a_segment()
{
    strand_scheduler *scheduler = nullptr;
    strand_scheduler_init(nullptr, &scheduler);
    strand_options options{};
    options.size = sizeof options;
    options.name = "overrunner";
    strand_spawn_with(
        scheduler, &options,
        [](void *) {
            call_with(900 * KIB, [] {
                volatile int top = 0;
                top = overrun(&top);
            });
        },
        nullptr, nullptr);
    strand_scheduler_run(scheduler);
}

TEST_F(Segment, shouldNameTheStrandThatOverflowsASegment)
{
    if (sanitized || under_valgrind())
        GTEST_SKIP() << "they report a fault their own way";
    EXPECT_DEATH(overflow_a_segment(), "overflow in strand .*overrunner.* segment of 1048576");
}

TEST_F(Segment, shouldBeDumpedInside)
{
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    spawn_small([&] {
        call_with(64 * KIB, [&] {
            call_with(64 * KIB, [&] { strand_scheduler_dump(nullptr, ends[1]); });
        });
    });
    EXPECT_EQ(run(), 0);
    close(ends[1]);
    EXPECT_NE(read_all(ends[0]).find("running"), std::string::npos);
    close(ends[0]);
}

// -- deep recursion -------------------------------------------------------------------------------

// TSan keeps a stack of calls of its own, which ends at 65,536.
constexpr bool calls_bounded =
#if defined(__SANITIZE_THREAD__)
    true;
#else
    false;
#endif

struct Recursion {
    uint64_t frames, entered = 0, left = 0;
    int error = 0;
};

// Names no strand_call.
void recurse(void *argument)
{
    auto *recursion = static_cast<Recursion *>(argument);
    int grown = STRAND_GROW(256, recurse, recursion);
    if (grown < 0)
        recursion->error = grown;
    if (grown)
        return;
    if (++recursion->entered < recursion->frames)
        recurse(recursion);
    recursion->left++;
}

TEST_F(Segment, shouldGrowByThePrologueThroughAMillionFrames)
{
    Recursion recursion{calls_bounded ? 10'000u : 1'000'000u};
    spawn_small([&] { recurse(&recursion); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(recursion.error, 0);
    EXPECT_EQ(recursion.left, recursion.frames);
    EXPECT_GT(linked(), 2u);
    EXPECT_LT(linked(), 100u);
}

TEST_F(Segment, shouldTellThePrologueOfALimit)
{
    Recursion recursion{1'000'000};
    spawn_small([&] { recurse(&recursion); }, 200 * KIB);
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(recursion.error, -EAGAIN);
    EXPECT_GT(recursion.left, 100u);
    EXPECT_LT(recursion.left, 20'000u);
}

TEST_F(Segment, shouldGoOnInAPrologueOutsideStrands)
{
    Recursion recursion{1000};
    recurse(&recursion);
    EXPECT_EQ(recursion.left, 1000u);
    spawn([] {
        static Recursion on_carrier{1000};
        on_carrier = {1000};
        strand_call_on_carrier(recurse, &on_carrier);
        EXPECT_EQ(on_carrier.left, 1000u);
    });
    EXPECT_EQ(run(), 0);
}

size_t resident_bytes()
{
    size_t pages = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    EXPECT_EQ(fscanf(statm, "%zu %zu", &pages, &resident), 2);
    fclose(statm);
    return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

struct Dive {
    uint64_t frames, entered = 0, left = 0, failed = 0;
};

// At least 108 bytes a frame, with strand_call's own.
void dive(void *argument)
{
    auto *dive_ = static_cast<Dive *>(argument);
    volatile char pad[64];
    __asm__ volatile("" : : "r"(pad) : "memory");      // all of it
    pad[0] = 1;
    if (++dive_->entered < dive_->frames)
        dive_->failed += strand_call(256, dive, dive_) != 0;
    dive_->left += static_cast<uint64_t>(pad[0]);
}

TEST_F(Segment, shouldDiveAGibibyteByCallsAndComeBack)
{
    if (sanitized)
        GTEST_SKIP() << "sanitizers' frames are several times as large: over 4 GiB";
    if (under_valgrind())
        GTEST_SKIP() << "takes minutes under valgrind";
    static constexpr int64_t MS = 1000000;
    Dive dive_{10'000'000};
    size_t before = resident_bytes();
    const size_t more = (emulated() ? 32 : 4) * KIB * KIB;      // an emulator counts pages
    strand_id diver = spawn_small([&] { dive(&dive_); });
    spawn([=] {
        EXPECT_EQ(strand_join(diver, STRAND_FOREVER, nullptr), 0);
        int64_t until = strand_now_ns() + 10'000 * MS;
        while (resident_bytes() > before + more && strand_now_ns() < until)
            strand_sleep(20 * MS);
        EXPECT_LE(resident_bytes(), before + more);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(dive_.failed, 0u);
    EXPECT_EQ(dive_.left, dive_.frames);
    EXPECT_GE(linked(), 128u);
    EXPECT_LT(linked(), 400u);
}

}  // namespace
