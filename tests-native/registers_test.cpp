// SPDX-License-Identifier: Apache-2.0
// What each ABI has a switch keep: registers (support/registers_*.S), floating-point control, and on
// Windows where the stack lies.
#include <gtest/gtest.h>

#include <unwind.h>

#include <cstdint>

#if defined(_WIN32)
#include <windows.h>
#endif

#include "context_pair.h"
#include "environment.h"

namespace {

#if defined(__x86_64__) || defined(__aarch64__)
extern "C" unsigned switch_with_registers(strand_context *from, strand_context *to, uint64_t seed);

TEST(Registers, shouldBeKeptWhereACalleeKeepsThem)
{
    unsigned wrong = 0, turns = 0;
    Pair pair([&](void *) {
        for (uint64_t seed = 1000;; seed += 100) {
            strand_sanitizer_leave(&pair.there.sanitizer, &pair.here.sanitizer, 0);
            wrong += switch_with_registers(&pair.there.context, &pair.here.context, seed);
            pair.arrive(pair.there, pair.here);
            turns++;
        }
    });
    pair.resume(nullptr);
    for (uint64_t seed = 1; seed < 1000; seed += 100) {
        strand_sanitizer_leave(&pair.here.sanitizer, &pair.there.sanitizer, 0);
        wrong += switch_with_registers(&pair.here.context, &pair.there.context, seed);
        pair.arrive(pair.here, pair.there);
    }
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(turns, 10u);
}
#else
TEST(Registers, shouldBeKeptWhereACalleeKeepsThem)
{
    GTEST_SKIP() << "no assembly for this machine: its libc keeps the registers";
}
#endif

// All control bits in one word, without the sticky status.
#if defined(__x86_64__)
constexpr uint64_t control_of(uint32_t mxcsr, uint64_t x87)
{
    return x87 << 32 | mxcsr;
}

uint64_t control_now()
{
    uint32_t mxcsr;
    uint16_t x87;
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    asm volatile("fnstcw %0" : "=m"(x87));
    return control_of(mxcsr & ~0x3fu, x87);
}

void set_control(uint64_t control)
{
    auto mxcsr = static_cast<uint32_t>(control);
    auto x87 = static_cast<uint16_t>(control >> 32);
    asm volatile("ldmxcsr %0" ::"m"(mxcsr));
    asm volatile("fldcw %0" ::"m"(x87));
}

// Each word by itself: rounding down, up, to zero; flush to zero; denormals are zero; both; x87's
// precision and rounding; and traps, on division or on all that C names, as feenableexcept sets
// them.
const uint64_t plain = control_of(0x1f80, 0x37f);
const uint64_t controls[] = {
    plain,
    control_of(0x3f80, 0x37f),
    control_of(0x5f80, 0x37f),
    control_of(0x7f80, 0x37f),
    control_of(0x9f80, 0x37f),
    control_of(0x1fc0, 0x37f),
    control_of(0x9fc0, 0x37f),
    control_of(0x1f80, 0x27f),
    control_of(0x1f80, 0xf7f),
    control_of(0x1d80, 0x37b),
    control_of(0x7d80, 0xf7b),
    control_of(0x0100, 0x342),
};
#elif defined(__aarch64__)
uint64_t control_now()
{
    uint64_t fpcr;
    asm volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
}

void set_control(uint64_t control)
{
    asm volatile("msr fpcr, %0" ::"r"(control));
}

// Rounding up, down, to zero; flush to zero; default NaN; several.
const uint64_t plain = 0;
const uint64_t controls[] = {plain,   1 << 22, 2 << 22,           3 << 22,
                             1 << 24, 1 << 25, 3 << 24 | 1 << 22, 1 << 25 | 3 << 22};
#endif

#if defined(__x86_64__) || defined(__aarch64__)
// The compiler takes control words for constants: they are set back to plain before anything else.
TEST(ControlWords, shouldBeKeptPerContext)
{
    if (under_valgrind())
        GTEST_SKIP() << "Valgrind has not all control bits";
    for (uint64_t mine : controls)
        for (uint64_t other : controls) {
            uint64_t seen_first = 0, seen_later = 0;
            Pair pair([&](void *) {
                seen_first = control_now();
                set_control(other);
                pair.back(nullptr);
                seen_later = control_now();
                set_control(plain);
            });
            set_control(mine);
            pair.resume(nullptr);
            uint64_t kept = control_now();
            set_control(plain);
            pair.resume(nullptr);
            uint64_t kept_plain = control_now();
            set_control(plain);
            EXPECT_EQ(seen_first, plain) << std::hex << "the preparer's, not " << mine;
            EXPECT_EQ(kept, mine) << std::hex << "beside " << other;
            EXPECT_EQ(seen_later, other) << std::hex << "beside " << mine;
            EXPECT_EQ(kept_plain, plain) << std::hex << "beside " << other;
        }
}

TEST(ControlWords, shouldBeginAsThePreparers)
{
    if (under_valgrind())
        GTEST_SKIP() << "Valgrind has not all control bits";
    for (uint64_t control : controls) {
        uint64_t seen = 0;
        set_control(control);
        Pair pair([&](void *) { seen = control_now(); });
        set_control(plain);
        pair.resume(nullptr);
        EXPECT_EQ(seen, control) << std::hex << control;
    }
}
#endif

#if defined(__x86_64__)
// The sticky status is nobody's: what one context left in x87's must not trap in one that wants
// traps.
TEST(ControlWords, shouldNotTrapOnWhatAnotherContextDid)
{
    if (under_valgrind())
        GTEST_SKIP() << "Valgrind has not all control bits";
    volatile long double one = 1, zero = 0, sum = 0;
    Pair pair([&](void *) {
        set_control(control_of(0x1d80, 0x37b));      // division by zero traps
        pair.back(nullptr);
        sum = one + one;
        set_control(plain);
    });
    pair.resume(nullptr);
    volatile long double infinite = one / zero;
    pair.resume(nullptr);
    asm volatile("fnclex");
    EXPECT_EQ(sum, 2);
    EXPECT_GT(infinite, one);
}
#endif

#if defined(__x86_64__) && !defined(_WIN32)
// Weak: libc has its own in place of them.
extern "C" __attribute__((weak)) void strand_context_first();
extern "C" __attribute__((weak)) void strand_context_restore();

// An unwinder stopped in a switch, just before its jump, looks up the byte before where it goes on.
TEST(Unwinding, shouldKnowAContextThatHasNotBegun)
{
    if (sizeof(strand_context) > sizeof(void *))
        GTEST_SKIP() << "the frame is libc's";
    const std::pair<uint64_t, void (*)()> cases[] = {{plain, strand_context_first},
                                                     {controls[1], strand_context_restore}};
    for (auto [control, function] : cases) {
        set_control(control);
        Pair pair([](void *) {});
        set_control(plain);
        void *rip = *static_cast<void **>(pair.there.context.sp);
        EXPECT_EQ(_Unwind_FindEnclosingFunction(rip), reinterpret_cast<void *>(function));
    }
}
#endif

#if defined(_WIN32)
struct Bounds {
    ULONG_PTR low, high, open_low;
    bool operator==(const Bounds &other) const
    {
        return low == other.low && high == other.high && open_low == other.open_low;
    }
};

// GetCurrentThreadStackLimits tells DeallocationStack and StackBase.
Bounds bounds_now()
{
    Bounds bounds;
    GetCurrentThreadStackLimits(&bounds.low, &bounds.high);
    asm volatile("movq %%gs:0x10, %0" : "=r"(bounds.open_low));   // NT_TIB's StackLimit
    return bounds;
}

void set_open_low(ULONG_PTR low)
{
    asm volatile("movq %0, %%gs:0x10" ::"r"(low));
}

TEST(StackBounds, shouldBeTheRunningContexts)
{
    Bounds before = bounds_now(), first, later;
    Pair pair([&](void *) {
        first = bounds_now();
        pair.back(nullptr);
        later = bounds_now();
    });
    pair.resume(nullptr);
    EXPECT_EQ(bounds_now(), before);
    pair.resume(nullptr);
    EXPECT_EQ(bounds_now(), before);
    auto low = reinterpret_cast<ULONG_PTR>(pair.stack.get());
    EXPECT_EQ(first, (Bounds{low, (low + stack_bytes) & ~ULONG_PTR(15), low}));
    EXPECT_EQ(later, first);
}

// The system moves the limit down as it opens the carrier's stack: what it
// moved stays so over a switch.
TEST(StackBounds, shouldKeepTheLimitThatWasMoved)
{
    Bounds before = bounds_now();
    Pair pair([&](void *) {});
    set_open_low(before.open_low - 4096);
    Bounds moved = bounds_now();
    pair.resume(nullptr);
    Bounds after = bounds_now();
    set_open_low(before.open_low);
    EXPECT_EQ(moved.open_low, before.open_low - 4096);
    EXPECT_EQ(after, moved);
}
#endif

}   // namespace
