// SPDX-License-Identifier: Apache-2.0
// A strand that overflows its stack is named, and every other fault goes where it went before. Each
// death is a child's.
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <strand/strand.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "child.h"
#include "environment.h"

namespace {

constexpr size_t KIB = 1024;

// A scheduler in a child, which checks nothing: the parent judges by how the child ends.
strand_scheduler *open_scheduler(bool report = true)
{
    strand_scheduler_options options{};
    options.size = sizeof options;
    options.no_overflow_report = !report;
    strand_scheduler *s = nullptr;
    if (strand_scheduler_init(&options, &s) != 0)
        _exit(1);
    return s;
}

strand_id spawn(strand_scheduler *s, size_t stack_bytes, const char *name, strand_entry entry,
                void *argument = nullptr)
{
    strand_options options{};
    options.size = sizeof options;
    options.name = name;
    options.stack_bytes = stack_bytes;
    strand_id id = 0;
    if (strand_spawn_with(s, &options, entry, argument, &id) != 0)
        _exit(1);
    return id;
}

// Not a tail call, and no frame that a sanitizer keeps elsewhere.
__attribute__((noinline)) int dive(int depth)
{
    volatile int here = depth;
    if (depth < 0)
        return 0;
    return dive(depth + 1) + here;
}

void overflow(void *)
{
    dive(0);
}

// From our line on; ASan says something of its own before it where swapcontext is used.
std::string report_of(const Outcome &outcome)
{
    size_t begin = sanitized ? outcome.err.find("strand:") : 0;
    return begin == std::string::npos ? "" : outcome.err.substr(begin);
}

bool has_line_of(const Outcome &outcome, const std::string &name)
{
    return outcome.err.find("strand: stack overflow in strand ") != std::string::npos &&
           outcome.err.find("\"" + name + "\"") != std::string::npos;
}

bool is_silent(const Outcome &outcome)
{
    return outcome.err.find("strand:") == std::string::npos;
}

// A sanitizer's own report follows ours, and ends the process its way.
bool died_of_the_fault(const Outcome &outcome)
{
    if (sanitized)
        return outcome.err.find("Sanitizer") != std::string::npos;
    return outcome.died_of(SIGSEGV);
}

class OverflowTest : public testing::Test {
protected:
    void SetUp() override
    {
        if (emulated())
            GTEST_SKIP() << "qemu-user has no faults of guards as a kernel has them";
    }
};

// ---- What is said -------------------------------------------------------------------------------

class OverflowOnTest : public OverflowTest, public testing::WithParamInterface<size_t> {};

TEST_P(OverflowOnTest, shouldNameTheStrandItsSegmentAndTheWayOut)
{
    size_t bytes = GetParam();
    Shared<strand_id> id;
    Outcome outcome = in_child([&] {
        strand_scheduler *s = open_scheduler();
        spawn(s, bytes, "other", [](void *) { strand_yield(); });
        *id.get() = spawn(s, bytes, "deep one", overflow);
        strand_scheduler_run(s);
    });
    EXPECT_TRUE(died_of_the_fault(outcome)) << outcome;
    strand_id named = 0;
    size_t said_bytes = 0, below_bytes = 0;
    unsigned long address = 0;
    int length = 0;
    sscanf(report_of(outcome).c_str(),
           "strand: stack overflow in strand %" SCNx64 " \"deep one\": its segment of %zu bytes is "
           "full (fault at 0x%lx, %zu bytes below it); raise stack_bytes, or call deep code by "
           "strand_call%n",
           &named, &said_bytes, &address, &below_bytes, &length);
    ASSERT_GT(length, 0) << outcome;
    EXPECT_EQ(named, *id.get());
    EXPECT_EQ(said_bytes, bytes);
    // Small frames step into the guard, and no further than one of them.
    EXPECT_EQ((address + below_bytes) % 4096, 0u);
    EXPECT_GE(below_bytes, 1u);
    EXPECT_LE(below_bytes, 4096u);
    if (!sanitized) {
        EXPECT_EQ(report_of(outcome).substr(static_cast<size_t>(length)), "\n");
    }
}

INSTANTIATE_TEST_SUITE_P(Classes, OverflowOnTest, testing::Values(8 * KIB, 64 * KIB, 1024 * KIB));

TEST_F(OverflowTest, shouldSayNoNameWhereThereIsNone)
{
    Outcome outcome = in_child([] {
        strand_scheduler *s = open_scheduler();
        spawn(s, 0, nullptr, overflow);
        strand_scheduler_run(s);
    });
    strand_id named = 0;
    int length = 0;
    sscanf(report_of(outcome).c_str(),
           "strand: stack overflow in strand %" SCNx64 ": its segment of 262144 bytes is full%n",
           &named, &length);
    EXPECT_GT(length, 0) << outcome;
}

TEST_F(OverflowTest, shouldNotReportWhereItIsTurnedOff)
{
    Outcome outcome = in_child([] {
        strand_scheduler *s = open_scheduler(false);
        spawn(s, 0, "deep one", overflow);
        strand_scheduler_run(s);
    });
    EXPECT_FALSE(outcome.exited_with(CAME_TO_ITS_END)) << outcome;
    EXPECT_TRUE(is_silent(outcome)) << outcome;
}

TEST_F(OverflowTest, shouldReportOnTheCarrierThatWantsItBesideOneThatDoesNot)
{
    Outcome outcome = in_child([] {
        strand_scheduler *quiet = open_scheduler(false), *s = open_scheduler();
        spawn(quiet, 0, "quiet", [](void *) {});
        strand_scheduler_run(quiet);
        spawn(s, 0, "deep one", overflow);
        strand_scheduler_run(s);
    });
    EXPECT_TRUE(has_line_of(outcome, "deep one")) << outcome;
}

// The handler is installed by then, and the thread has a stack for it.
TEST_F(OverflowTest, shouldNotReportForTheOneThatDoesNotWantIt)
{
    Outcome outcome = in_child([] {
        strand_scheduler *quiet = open_scheduler(false), *s = open_scheduler();
        spawn(s, 0, "loud", [](void *) {});
        strand_scheduler_run(s);
        static char memory[512 * KIB];
        stack_t stack{};
        stack.ss_sp = memory;
        stack.ss_size = sizeof memory;
        sigaltstack(&stack, nullptr);
        spawn(quiet, 0, "quiet", overflow);
        strand_scheduler_run(quiet);
    });
    EXPECT_FALSE(outcome.exited_with(CAME_TO_ITS_END)) << outcome;
    EXPECT_TRUE(is_silent(outcome)) << outcome;
}

// ---- Where it happens ---------------------------------------------------------------------------

TEST_F(OverflowTest, shouldNameTheStrandInASignalHandlerOnItsStack)
{
    if (thread_sanitized)
        GTEST_SKIP() << "ThreadSanitizer calls handlers on its own terms";
    Outcome outcome = in_child([] {
        struct sigaction action{};
        action.sa_handler = [](int) { dive(0); };
        sigaction(SIGUSR1, &action, nullptr);
        strand_scheduler *s = open_scheduler();
        spawn(s, 64 * KIB, "interrupted", [](void *) { raise(SIGUSR1); });
        strand_scheduler_run(s);
    });
    EXPECT_TRUE(has_line_of(outcome, "interrupted")) << outcome;
    EXPECT_TRUE(died_of_the_fault(outcome)) << outcome;
}

TEST_F(OverflowTest, shouldNameTheLinkedSegmentThatIsFull)
{
    Outcome outcome = in_child([] {
        strand_scheduler *s = open_scheduler();
        spawn(s, 16 * KIB, "grown", [](void *) { strand_call(100 * KIB, overflow, nullptr); });
        strand_scheduler_run(s);
    });
    EXPECT_TRUE(died_of_the_fault(outcome)) << outcome;
    strand_id named = 0;
    size_t said_bytes = 0;
    int length = 0;
    sscanf(report_of(outcome).c_str(),
           "strand: stack overflow in strand %" SCNx64 " \"grown\": its segment of %zu bytes is%n",
           &named, &said_bytes, &length);
    EXPECT_GT(length, 0) << outcome;
    EXPECT_GE(said_bytes, 100 * KIB);
}

// Two carriers at once, each with an alternate stack of its own; each of them in turn overflows.
void overflow_on_one_of_two_carriers(int which)
{
    static pthread_barrier_t both_run;
    pthread_barrier_init(&both_run, nullptr, 2);
    auto carry = [](bool overflows, const char *name) {
        strand_scheduler *s = open_scheduler();
        spawn(s, 64 * KIB, name, [](void *deep) {
            pthread_barrier_wait(&both_run);
            if (deep)
                dive(0);
            strand_park("to the end", STRAND_FOREVER);
        }, overflows ? s : nullptr);
        strand_scheduler_run(s);
    };
    std::thread other(carry, which == 1, "one");
    carry(which == 0, "nought");
    other.join();
}

TEST_F(OverflowTest, shouldNameTheStrandOnEveryCarrier)
{
    for (int which : {0, 1}) {
        Outcome outcome = in_child([&] { overflow_on_one_of_two_carriers(which); });
        EXPECT_TRUE(has_line_of(outcome, which ? "one" : "nought")) << outcome;
        EXPECT_TRUE(died_of_the_fault(outcome)) << outcome;
    }
}

struct Brink {
    long left_bytes;     // of the stack; about, since the question has a frame of its own
    void (*step)();
};

// Stands so many bytes over the guard, and then makes a step; once before it, since the dynamic
// linker's frames are larger than all others.
__attribute__((noinline)) void stand_at(const Brink &brink)
{
    brink.step();
    size_t bytes = strand_stack_remaining() - static_cast<size_t>(brink.left_bytes);
    volatile char *room = static_cast<volatile char *>(alloca(bytes));
    room[bytes - 1] = 0;
    brink.step();
    room[0] = 0;
}

// How the step of a strand that stands at each of many places ends; those that return are not told.
std::vector<Outcome> step_at_the_brink(void (*step)(), strand_entry beside = nullptr)
{
    std::vector<Outcome> outcomes;
    for (long left = -128; left < 512; left += 16) {
        Outcome outcome = in_child([&] {
            std::thread([] {}).join();      // from now on malloc locks
            strand_scheduler *s = open_scheduler();
            Brink brink = {left, step};
            spawn(s, 64 * KIB, "at the brink",
                  [](void *argument) { stand_at(*static_cast<Brink *>(argument)); }, &brink);
            if (beside)
                spawn(s, 64 * KIB, "beside", beside);
            strand_scheduler_run(s);
        });
        if (!outcome.exited_with(CAME_TO_ITS_END))
            outcomes.push_back(outcome);
    }
    return outcomes;
}

// Some of these faults come in malloc's own frames, with its lock held.
TEST_F(OverflowTest, shouldNameTheStrandWhereverInMallocItOverflows)
{
    if (sanitized)
        GTEST_SKIP() << "a sanitizer's malloc keeps other frames";
    if (counts_branches)
        GTEST_SKIP() << "the counts are written with malloc";
    auto outcomes = step_at_the_brink([] {
        void *volatile kept = malloc(8 * KIB);
        free(kept);
    });
    EXPECT_GE(outcomes.size(), 8u);
    for (const Outcome &outcome : outcomes) {
        EXPECT_TRUE(has_line_of(outcome, "at the brink")) << outcome;
        EXPECT_TRUE(outcome.died_of(SIGSEGV)) << outcome;
    }
}

// The switch pushes registers when the strand is no longer the current one.
TEST_F(OverflowTest, shouldNameAStrandThatOverflowsAsItYields)
{
    if (sanitized)
        GTEST_SKIP() << "frames are not where they are asked to be";
    auto outcomes = step_at_the_brink(strand_yield, [](void *) {
        for (int i = 0; i < 3; i++)
            strand_yield();
    });
    EXPECT_GE(outcomes.size(), 8u);
    for (const Outcome &outcome : outcomes)
        EXPECT_TRUE(has_line_of(outcome, "at the brink")) << outcome;
}

TEST_F(OverflowTest, shouldNameAStrandThatOverflowsAsItParks)
{
    if (sanitized)
        GTEST_SKIP() << "frames are not where they are asked to be";
    auto outcomes = step_at_the_brink([] { strand_sleep(1); });
    EXPECT_GE(outcomes.size(), 8u);
    for (const Outcome &outcome : outcomes)
        EXPECT_TRUE(has_line_of(outcome, "at the brink")) << outcome;
}

void stand_and_end(void *argument)
{
    stand_at(*static_cast<Brink *>(argument));
}

// One that nobody knows of ends in so few frames that the last switch reaches deepest; the stack has
// been given back by then.
TEST_F(OverflowTest, shouldNameAStrandThatOverflowsAsItEnds)
{
    if (sanitized || counts_branches)
        GTEST_SKIP() << "frames are not where they are asked to be";
    int told = 0;
    for (long left = -128; left < 512; left += 8) {
        Outcome outcome = in_child([&] {
            static int steps;
            strand_scheduler *s = open_scheduler();
            Brink brink = {left, [] {
                               if (steps++ > 0)
                                   strand_exit(nullptr);
                           }};
            spawn(s, 0, "spawner", [](void *argument) {
                strand_spawn(nullptr, stand_and_end, argument, nullptr);
                strand_spawn(nullptr, [](void *) {}, nullptr, nullptr);
            }, &brink);
            strand_scheduler_run(s);
        });
        if (outcome.exited_with(CAME_TO_ITS_END))
            continue;
        told++;
        EXPECT_NE(outcome.err.find("strand: stack overflow in strand "), std::string::npos)
            << left << " left: " << outcome;
    }
    EXPECT_GE(told, 8);
}

// ---- Neighbours ---------------------------------------------------------------------------------

constexpr size_t CANARY_BYTES = 200 * KIB;
constexpr unsigned char CANARY = 0xA5;
constexpr int NEIGHBOURS = 8;

struct Canaries {
    volatile unsigned char *of[NEIGHBOURS];
    int placed;
};
Canaries canaries;

void keep_canary(void *)
{
    auto *canary = static_cast<unsigned char *>(alloca(CANARY_BYTES));
    memset(canary, CANARY, CANARY_BYTES);
    canaries.of[canaries.placed++] = canary;
    strand_park("with a canary", STRAND_FOREVER);
}

// The earlier handler: it runs after the report, while everything is as the fault left it.
void look_after_canaries(int)
{
    int intact = 0;
    for (int i = 0; i < canaries.placed; i++) {
        size_t same = 0;
        while (same < CANARY_BYTES && canaries.of[i][same] == CANARY)
            same++;
        intact += same == CANARY_BYTES;
    }
    _exit(intact);
}

Outcome overflow_among_neighbours(strand_entry deep)
{
    return in_child([&] {
        struct sigaction action{};
        action.sa_handler = look_after_canaries;
        sigaction(SIGSEGV, &action, nullptr);
        strand_scheduler *s = open_scheduler();
        for (int i = 0; i < NEIGHBOURS; i++) {
            spawn(s, 0, "neighbour", keep_canary);
            if (i == NEIGHBOURS / 2)
                spawn(s, 0, "wide one", [](void *argument) {
                    strand_yield();      // all canaries are in their place
                    reinterpret_cast<strand_entry>(argument)(nullptr);
                }, reinterpret_cast<void *>(deep));
        }
        strand_scheduler_run(s);
    });
}

// This file is built with -fstack-clash-protection, as strand code is to be.
TEST_F(OverflowTest, shouldHitTheGuardWithALargeFrame)
{
    Outcome outcome = overflow_among_neighbours([](void *) {
        volatile size_t bytes = 1024 * KIB;
        auto *room = static_cast<volatile char *>(alloca(bytes));
        room[0] = 1;
    });
    EXPECT_TRUE(has_line_of(outcome, "wide one")) << outcome;
    EXPECT_TRUE(outcome.exited_with(NEIGHBOURS)) << outcome;
}

// Frames of code built without: each touches only its far end. The wide guard is wider.
__attribute__((noinline)) void stride(uintptr_t place)
{
    constexpr size_t STRIDE_BYTES = 60 * KIB;
    for (int i = 0; i < 64; i++) {
        place -= STRIDE_BYTES;
        *reinterpret_cast<volatile char *>(place) = 1;
    }
}

TEST_F(OverflowTest, shouldHitTheGuardWithStridesOfNearlyItsWidth)
{
    Outcome outcome = overflow_among_neighbours(
        [](void *) { stride(reinterpret_cast<uintptr_t>(__builtin_frame_address(0))); });
    EXPECT_TRUE(has_line_of(outcome, "wide one")) << outcome;
    EXPECT_TRUE(outcome.exited_with(NEIGHBOURS)) << outcome;
}

}  // namespace
