// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fenv.h>
#include <unistd.h>
#include <unwind.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "context_pair.h"
#include "environment.h"

namespace {

void *number(intptr_t n)
{
    return reinterpret_cast<void *>(n);
}

TEST(Context, shouldSayItsName)
{
    std::string name = strand_context_name;
    EXPECT_TRUE(name == "asm" || name == "ucontext") << name;
}

TEST(Context, shouldHandValuesOverBothWays)
{
    std::string order;
    Pair pair([&](void *value) {
        for (;;) {
            order += std::to_string(reinterpret_cast<intptr_t>(value));
            value = pair.back(number(reinterpret_cast<intptr_t>(value) + 1));
        }
    });
    intptr_t value = 1;
    for (int i = 0; i < 3; i++)
        value = reinterpret_cast<intptr_t>(pair.resume(number(value))) + 1;
    EXPECT_EQ(order, "135");
}

bool aligned_for_sse()
{
    // movaps faults on a stack that is off by 8; the compiler trusts the ABI in placing this.
    struct alignas(16) {
        float values[4];
    } four;
    volatile auto address = reinterpret_cast<uintptr_t>(&four);
    return address % 16 == 0 && reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) % 16 == 0;
}

TEST(Context, shouldEnterOnItsOwnStackAlignedTo16)
{
    for (size_t off = 0; off < 64; off += 8) {
        static bool aligned, inside;
        static char *low, *high;
        static Place here, there;
        std::unique_ptr<char[]> stack{new char[stack_bytes]};
        low = stack.get();
        high = low + stack_bytes - off;
        strand_sanitizer_init_carrier(&here.sanitizer);
        strand_sanitizer_init(&there.sanitizer, low, size_t(high - low));
        strand_context_prepare(&there.context, low, size_t(high - low), [](void *) {
            strand_sanitizer_arrive(&there.sanitizer, &here.sanitizer);
            aligned = aligned_for_sse();
            char *frame = static_cast<char *>(__builtin_frame_address(0));
            inside = frame > low && frame < high;
            strand_sanitizer_leave(&there.sanitizer, &here.sanitizer, 0);
            strand_context_switch(&there.context, &here.context, nullptr);
        });
        strand_sanitizer_leave(&here.sanitizer, &there.sanitizer, 0);
        strand_context_switch(&here.context, &there.context, nullptr);
        strand_sanitizer_arrive(&here.sanitizer, &there.sanitizer);
        EXPECT_TRUE(aligned) << "offset " << off;
        EXPECT_TRUE(inside) << "offset " << off;
        char *sp = static_cast<char *>(strand_context_sp(&there.context));
        EXPECT_TRUE(sp > low && sp < high);
        strand_sanitizer_destroy(&there.sanitizer);
    }
}

volatile double one = 1, three = 3;   // divided where and when it stands

double third()
{
    volatile double quotient = one / three;
    return quotient;
}

TEST(Context, shouldKeepTheRoundingModePerContext)
{
    if (under_valgrind())
        GTEST_SKIP() << "Valgrind always divides to the nearest";
    double up, still_up;
    Pair pair([&](void *) {
        fesetround(FE_UPWARD);
        up = third();
        pair.back(nullptr);
        still_up = third();
        fesetround(FE_TONEAREST);
    });
    double nearest = third();
    pair.resume(nullptr);
    EXPECT_EQ(fegetround(), FE_TONEAREST);
    EXPECT_EQ(third(), nearest);
    fesetround(FE_DOWNWARD);
    pair.resume(nullptr);
    EXPECT_EQ(fegetround(), FE_DOWNWARD);
    fesetround(FE_TONEAREST);
    EXPECT_GT(up, nearest);
    EXPECT_EQ(still_up, up);
}

TEST(Context, shouldCatchWhatIsThrownOverAPark)
{
    std::string order;
    Pair pair([&](void *) {
        for (int i = 0;; i++) {
            try {
                pair.back(nullptr);
                throw std::runtime_error("thrown " + std::to_string(i));
            } catch (const std::exception &e) {
                order += e.what();
                order += ";";
            }
        }
    });
    for (int i = 0; i < 3; i++)
        pair.resume(nullptr);
    EXPECT_EQ(order, "thrown 0;thrown 1;");
}

void run_and_throw()
{
    Pair pair([](void *) { throw std::runtime_error("left behind"); });
    pair.resume(nullptr);
}

#if defined(_WIN32)   // where GoogleTest has simple patterns only
const char *ends_with_exception = "left behind";
#else
const char *ends_with_exception = "terminate called(.|\n)*left behind";
#endif

TEST(Context, shouldTerminateWithAMessageWhenAnExceptionLeavesTheEntry)
{
    EXPECT_DEATH(run_and_throw(), ends_with_exception);
}

void run_and_return()
{
    static char stack[64 * 1024];
    strand_context here;
    static strand_context there;
    strand_context_prepare(&there, stack, sizeof stack, [](void *) {});
    strand_context_switch(&here, &there, nullptr);
}

TEST(Context, shouldAbortWithAMessageWhenTheEntryReturns)
{
    EXPECT_DEATH(run_and_return(), "a context's entry never returns");
}

extern "C" __attribute__((noinline)) void stop_here_for_gdb()
{
    asm volatile("");
}

struct Walk {
    int frames = 0;
    _Unwind_Reason_Code end = _URC_NO_REASON;
};

__attribute__((noinline)) void walk(Walk *walk)
{
    stop_here_for_gdb();
    walk->end = _Unwind_Backtrace(
        [](_Unwind_Context *, void *argument) {
            return ++static_cast<Walk *>(argument)->frames < 100 ? _URC_NO_REASON
                                                                 : _URC_NORMAL_STOP;
        },
        walk);
}

TEST(Context, shouldEndUnwindingAtTheEntry)
{
    Walk seen;
    Pair pair([&](void *) { walk(&seen); });
    pair.resume(nullptr);
    EXPECT_EQ(seen.end, _URC_END_OF_STACK);
    EXPECT_GE(seen.frames, 3);
    EXPECT_LE(seen.frames, 12);
}

#if defined(_WIN32)
TEST(Context, shouldEndGdbsBacktraceAtTheEntry)
{
    GTEST_SKIP() << "Wine has no gdb; unwinding is tested";
}
#else
std::string output_of(const std::string &command)
{
    std::string text;
    FILE *pipe = popen(command.c_str(), "r");
    char part[4096];
    while (size_t count = fread(part, 1, sizeof part, pipe))
        text.append(part, count);
    pclose(pipe);
    return text;
}

TEST(Context, shouldEndGdbsBacktraceAtTheEntry)
{
    if (sanitized || under_valgrind())
        GTEST_SKIP() << "gdb and these runtimes get in each other's way";
    if (emulated())
        GTEST_SKIP() << "the emulator has no ptrace for gdb";
    if (output_of("command -v gdb").empty())
        GTEST_SKIP() << "gdb is not installed";
    char self[4096] = {};
    ASSERT_GT(readlink("/proc/self/exe", self, sizeof self - 1), 0);
    std::string text = output_of(
        "gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'break stop_here_for_gdb' -ex run"
        " -ex 'echo BACKTRACE\\n' -ex bt -ex 'echo END\\n' -ex kill --args '" + std::string(self) +
        "' --gtest_filter=Context.shouldEndUnwindingAtTheEntry"
        " </dev/null 2>&1");
    size_t from = text.find("BACKTRACE"), to = text.find("END", from);
    if (text.find("ptrace") != std::string::npos)
        GTEST_SKIP() << "gdb may not trace here: " << text;
    ASSERT_NE(to, std::string::npos) << text;
    std::string trace = text.substr(from, to - from);
    EXPECT_NE(trace.find("stop_here_for_gdb"), std::string::npos) << trace;
    EXPECT_NE(trace.find("entry"), std::string::npos) << trace;
    EXPECT_EQ(trace.find("Backtrace stopped"), std::string::npos) << trace;
    EXPECT_EQ(trace.find("??"), std::string::npos) << trace;
    std::string last = trace.substr(trace.rfind('#'));
    EXPECT_TRUE(last.find("strand_context_first") != std::string::npos ||
                last.find(" first (") != std::string::npos)      // of context_ucontext.c
        << trace;
}
#endif

#if defined(STRAND_ASAN)
__attribute__((noinline)) char byte_at(const char *bytes, size_t index)
{
    return bytes[index];
}

void read_past_the_end_in_a_strand()
{
    Pair pair([&](void *) {
        pair.back(nullptr);
        char bytes[16] = {};
        pair.back(reinterpret_cast<void *>(byte_at(bytes, 16)));
    });
    pair.resume(nullptr);
    pair.resume(nullptr);
}

TEST(Context, shouldHaveAsanReportABugInAStrand)
{
    EXPECT_DEATH(read_past_the_end_in_a_strand(), "stack-buffer-overflow");
}
#endif

#if defined(STRAND_TSAN)
void race_with_a_strand()
{
    static int shared;
    Pair pair([&](void *) { shared++; });
    std::thread other([] { shared++; });
    pair.resume(nullptr);
    other.join();
}

TEST(Context, shouldHaveTsanReportARaceWithAStrand)
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    setenv("TSAN_OPTIONS", "halt_on_error=1 exitcode=66", 1);
    EXPECT_EXIT(race_with_a_strand(), testing::ExitedWithCode(66), "data race");
}
#endif

TEST(Context, shouldKeepManyContextsApart)
{
    constexpr int count = 100;
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<int> sums(count);
    for (int i = 0; i < count; i++)
        pairs.push_back(std::make_unique<Pair>([&, i](void *) {
            for (int turn = 0; turn < 100; turn++) {
                sums[size_t(i)] += i * turn;
                pairs[size_t(i)]->back(nullptr);
            }
        }));
    for (int turn = 0; turn < 100; turn++)
        for (auto &pair : pairs)
            pair->resume(nullptr);
    for (int i = 0; i < count; i++)
        EXPECT_EQ(sums[size_t(i)], i * 4950);
}

}   // namespace
