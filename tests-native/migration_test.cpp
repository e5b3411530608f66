// SPDX-License-Identifier: Apache-2.0
// A scheduler that one thread runs and then another: strands take nothing of the first thread
// along. Compilers know no such move: at -O3 they keep an address of thread-local storage over a
// call, wherever they can see that it is one.
#include "scheduler_fixture.h"

#include <cerrno>
#include <future>
#include <thread>

namespace {

thread_local int place;

// A pointer of which the compiler knows nothing: else clang hands the callers of these functions one
// address for good, inlined or not, and gcc does with that of errno.
int *unknown(int *pointer)
{
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

__attribute__((noinline)) int *here()
{
    return unknown(&place);
}

__attribute__((noinline)) int *errno_here()
{
    return unknown(&errno);
}

class Migration : public SchedulerTest {
protected:
    // Runs `body` in a strand that calls `move` once: before it on one thread, after it on another.
    // Two strands that join each other make the first run end.
    void run_on_two_threads(const std::function<void(const std::function<void()> &move)> &body)
    {
        strand_id mover = 0, other = 0;
        mover = spawn([&] {
            body([&] { EXPECT_EQ(strand_join(other, STRAND_FOREVER, nullptr), -ECANCELED); });
        });
        other = spawn([&] { EXPECT_EQ(strand_join(mover, STRAND_FOREVER, nullptr), 0); });

        testing::internal::CaptureStderr();
        std::promise<void> ran, moved;   // both threads live, or one would inherit the other's place
        std::thread first([&] {
            EXPECT_EQ(run(), -EDEADLK);
            ran.set_value();
            moved.get_future().wait();
        });
        ran.get_future().wait();
        EXPECT_NE(testing::internal::GetCapturedStderr().find("deadlock"), std::string::npos);
        EXPECT_EQ(strand_cancel(mover), 0);
        std::thread([&] { EXPECT_EQ(run(), 0); }).join();
        moved.set_value();
        first.join();
    }
};

TEST_F(Migration, shouldFindTheThreadLocalsOfTheThreadThatRunsIt)
{
    run_on_two_threads([](const std::function<void()> &move) {
        const int *before = here();
        move();
        const int *after = here();
        EXPECT_NE(before, after);
        static const int *carriers;
        EXPECT_EQ(strand_call_on_carrier([](void *) { carriers = here(); }, nullptr), 0);
        EXPECT_EQ(carriers, after);
    });
}

TEST_F(Migration, shouldStayAStrandOfItsScheduler)
{
    run_on_two_threads([this](const std::function<void()> &move) {
        strand_id self = strand_self();
        move();
        EXPECT_EQ(strand_self(), self);
        strand_id child = spawn([this] { order += 'c'; });
        strand_yield();
        order += 'p';
        EXPECT_EQ(strand_join(child, STRAND_FOREVER, nullptr), 0);
        EXPECT_EQ(strand_sleep(1), 0);
    });
    EXPECT_EQ(order, "cp");
}

TEST_F(Migration, shouldTakeItsErrnoAlong)
{
    run_on_two_threads([](const std::function<void()> &move) {
        *errno_here() = 77;
        move();
        EXPECT_EQ(*errno_here(), 77);
        *errno_here() = 78;
        strand_yield();
        EXPECT_EQ(*errno_here(), 78);
    });
}

}  // namespace
