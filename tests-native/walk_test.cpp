// SPDX-License-Identifier: Apache-2.0
// The walk over a strand's live stack, through the public header.
#include "environment.h"
#include "segment_fixture.h"

#include <cerrno>
#include <utility>
#include <vector>

// A collector reads whatever stands on a stack.
#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define MAY_BE_UNSET(word) VALGRIND_MAKE_MEM_DEFINED(&(word), sizeof(word))
#endif
#endif
#if !defined(MAY_BE_UNSET)
#define MAY_BE_UNSET(word) (void)(word)
#endif

#if defined(__x86_64__) || defined(__aarch64__)
#define HAS_HOLD_IN_REGISTERS
// Calls then(arg) with ~not_value and the five numbers after it in the registers that a callee
// keeps, and nowhere else.
extern "C" void hold_in_registers(uintptr_t not_value, void (*then)(void *), void *arg);
#endif
#if defined(__x86_64__)
__asm__(".text\n"
        "hold_in_registers:\n"
        "    push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "    sub $8, %rsp\n"
        "    not %rdi\n"
        "    mov %rdi, %rbx\n"
        "    lea 1(%rdi), %rbp\n lea 2(%rdi), %r12\n lea 3(%rdi), %r13\n"
        "    lea 4(%rdi), %r14\n lea 5(%rdi), %r15\n"
        "    mov %rdx, %rdi\n"
        "    xor %edx, %edx\n"
        "    call *%rsi\n"
        "    add $8, %rsp\n"
        "    pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "    ret\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".p2align 2\n"
        "hold_in_registers:\n"
        "    stp x29, x30, [sp, #-64]!\n"
        "    stp x19, x20, [sp, #16]\n stp x25, x26, [sp, #32]\n stp x27, x28, [sp, #48]\n"
        "    mvn x19, x0\n"
        "    add x20, x19, #1\n add x25, x19, #2\n add x26, x19, #3\n"
        "    add x27, x19, #4\n add x28, x19, #5\n"
        "    mov x3, x1\n"
        "    mov x0, x2\n"
        "    mov x1, #0\n mov x2, #0\n"
        "    blr x3\n"
        "    ldp x19, x20, [sp, #16]\n ldp x25, x26, [sp, #32]\n ldp x27, x28, [sp, #48]\n"
        "    ldp x29, x30, [sp], #64\n"
        "    ret\n");
#endif

namespace {

using StackWalk = Segment;

struct Walk {
    std::vector<std::pair<const char *, const char *>> ranges;

    int of(strand_id id)
    {
        ranges.clear();
        return strand_walk_stack(
            id,
            [](void *walk, const void *low, const void *high) {
                static_cast<Walk *>(walk)->ranges.emplace_back(static_cast<const char *>(low),
                                                               static_cast<const char *>(high));
            },
            this);
    }

    // As a collector looks for them.
    __attribute__((no_sanitize("address", "thread"))) int count(uintptr_t value) const
    {
        int found = 0;
        for (auto [low, high] : ranges)
            for (const char *at = low; at + sizeof value <= high; at += sizeof value) {
                uintptr_t word = *reinterpret_cast<const volatile uintptr_t *>(at);
                MAY_BE_UNSET(word);
                found += word == value;
            }
        return found;
    }
};

// Values are kept turned round elsewhere, so that only what is planted is found.
constexpr uintptr_t turned(uintptr_t value) { return ~value; }
constexpr uintptr_t PLANT = 0x5ca1ab1e00c0ffeeu;

__attribute__((noinline, no_sanitize("address"))) void plant(volatile uintptr_t not_value,
                                                            const std::function<void()> &then)
{
    volatile uintptr_t planted = ~not_value;
    then();
    planted = ~planted;
}

TEST_F(StackWalk, shouldShowWhatStandsOnEachSegmentOfAParkedStrand)
{
    strand_id parked = spawn_small([] {
        plant(turned(PLANT), [] {
            call_with(64 * KIB, [] {
                plant(turned(PLANT + 1), [] {
                    call_with(300 * KIB, [] {
                        plant(turned(PLANT + 2), [] { strand_park("test", STRAND_FOREVER); });
                    });
                });
            });
        });
    });
    spawn([parked] {
        Walk walk;
        EXPECT_EQ(walk.of(parked), 0);
        EXPECT_GE(walk.ranges.size(), 3u);
        for (uintptr_t value : {PLANT, PLANT + 1, PLANT + 2})
            EXPECT_GE(walk.count(value), 1) << std::hex << value;
        EXPECT_EQ(walk.count(PLANT + 3), 0);
        EXPECT_EQ(strand_wake(parked), 0);
        EXPECT_EQ(strand_join(parked, STRAND_FOREVER, nullptr), 0);
        EXPECT_EQ(walk.of(parked), -ESRCH);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(StackWalk, shouldShowWhatTheCallerItselfHolds)
{
    spawn_small([] {
        plant(turned(PLANT), [] {
            call_with(64 * KIB, [] {
                plant(turned(PLANT + 1), [] {
                    Walk walk;
                    EXPECT_EQ(walk.of(strand_self()), 0);
                    EXPECT_GE(walk.count(PLANT), 1);
                    EXPECT_GE(walk.count(PLANT + 1), 1);
                });
            });
        });
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(StackWalk, shouldShowArgumentLocalsAndDefers)
{
    strand_key key;
    ASSERT_EQ(strand_key_create(nullptr, &key), 0);
    spawn([this, key] {
        Walk walk;
        strand_id unbegun = 0;
        auto *argument = reinterpret_cast<void *>(turned(turned(PLANT)));
        ASSERT_EQ(strand_spawn(nullptr, [](void *) {}, argument, &unbegun), 0);
        EXPECT_EQ(walk.of(unbegun), 0);
        EXPECT_GE(walk.count(PLANT), 1);
        strand_id parked = spawn_small([key] {
            strand_set_local(key, reinterpret_cast<void *>(PLANT + 1));
            strand_defer([](void *) {}, reinterpret_cast<void *>(PLANT + 2));
            strand_yield();
        });
        strand_yield();
        EXPECT_EQ(walk.of(parked), 0);
        EXPECT_GE(walk.count(PLANT + 1), 1);
        EXPECT_GE(walk.count(PLANT + 2), 1);
    });
    EXPECT_EQ(run(), 0);
}

#if defined(HAS_HOLD_IN_REGISTERS)
TEST_F(StackWalk, shouldShowWhatRegistersHoldAcrossAPark)
{
    strand_id parked = spawn_small([] {
        hold_in_registers(
            turned(PLANT), [](void *) { strand_park("test", STRAND_FOREVER); }, nullptr);
    });
    spawn([parked] {
        Walk walk;
        EXPECT_EQ(walk.of(parked), 0);
        for (uintptr_t i = 0; i < 6; i++)
            EXPECT_GE(walk.count(PLANT + i), 1) << i;
        strand_wake(parked);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(StackWalk, shouldShowWhatTheCallersOwnRegistersHold)
{
    spawn([] {
        static int seen[6];
        std::fill(std::begin(seen), std::end(seen), 0);
        hold_in_registers(
            turned(PLANT),
            [](void *) {
                strand_walk_stack(
                    strand_self(),
                    [](void *, const void *low, const void *high) {
                        Walk range;
                        range.ranges.emplace_back(static_cast<const char *>(low),
                                                  static_cast<const char *>(high));
                        for (uintptr_t i = 0; i < 6; i++)
                            seen[i] += range.count(PLANT + i);
                    },
                    nullptr);
            },
            nullptr);
        for (int i = 0; i < 6; i++)
            EXPECT_GE(seen[i], 1) << i;
    });
    EXPECT_EQ(run(), 0);
}
#endif

TEST_F(StackWalk, shouldWalkFromTheCarrierToo)
{
    spawn_small([] {
        plant(turned(PLANT), [] {
            static strand_id self;
            static Walk walk;
            self = strand_self();
            strand_call_on_carrier([](void *) { EXPECT_EQ(walk.of(self), 0); }, nullptr);
            EXPECT_GE(walk.count(PLANT), 1);
        });
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(StackWalk, shouldWalkNoStrandOfOthers)
{
    strand_scheduler *other = nullptr;
    ASSERT_EQ(strand_scheduler_init(nullptr, &other), 0);
    strand_id foreign = spawn_on(other, [] {});
    Walk walk;
    EXPECT_EQ(walk.of(foreign), -EPERM);
    spawn([foreign] {
        Walk inner;
        EXPECT_EQ(inner.of(foreign), -EPERM);
        EXPECT_EQ(inner.of(0), -ESRCH);
        EXPECT_EQ(strand_walk_stack(strand_self(), nullptr, nullptr), -EINVAL);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(strand_scheduler_shutdown(other), 0);
}

}  // namespace
