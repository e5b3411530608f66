// SPDX-License-Identifier: Apache-2.0
// Dumps with stacks. This program exports its functions, so that they have names there.
#include "environment.h"
#include "segment_fixture.h"

#include <cfenv>
#include <fcntl.h>
#include <string>
#include <unistd.h>

#define NAMED extern "C" __attribute__((noinline, visibility("default")))

NAMED void dump_test_inner(void)
{
    strand_park("a test", STRAND_FOREVER);
    __asm__ volatile("");      // no tail call: each keeps its frame
}

NAMED void dump_test_outer(void)
{
    dump_test_inner();
    __asm__ volatile("");
}

NAMED void dump_test_segment(void)
{
    call_with(64 * KIB, dump_test_outer);
    __asm__ volatile("");
}

namespace {

class DumpStacks : public Segment {
protected:
    void SetUp() override
    {
        if (std::string(STRAND_TEST_CONTEXT) != "asm")
            GTEST_SKIP() << "ucontext's registers lie in a layout of their own";
        Segment::SetUp();
    }

    void TearDown() override
    {
        if (scheduler)
            Segment::TearDown();
    }

    // With the strands that were spawned before, up to where they park; ends those.
    std::string dump_while_parked()
    {
        int ends[2];
        EXPECT_EQ(pipe(ends), 0);
        spawn([&] {
            strand_scheduler_dump_stacks(nullptr, ends[1]);
            strand_scheduler_stop(scheduler);
        }, "asks");
        EXPECT_EQ(run(), 0);
        close(ends[1]);
        std::string text = read_all(ends[0]);
        close(ends[0]);
        return text;
    }
};

// Where each stands, in this order, one below the other.
void expect_in_order(const std::string &text, std::initializer_list<const char *> names)
{
    size_t at = 0;
    for (const char *name : names) {
        size_t found = text.find(name, at);
        ASSERT_NE(found, std::string::npos) << name << " in\n" << text;
        at = found + 1;
    }
}

TEST_F(DumpStacks, shouldShowWhoCalledWhom)
{
    spawn([] { dump_test_outer(); }, "parked");
    std::string text = dump_while_parked();
    expect_in_order(text, {"\"parked\" native parked: a test, for ", "      at ", "(dump_test_inner+0x",
                           "(dump_test_outer+0x", "      at ", "\"asks\" native running\n"});
}

TEST_F(DumpStacks, shouldShowWhoCalledWhomWhateverTheRoundingMode)
{
    spawn([] {
        fesetround(FE_UPWARD);      // its registers are kept below a frame that restores it
        dump_test_outer();
    });
    expect_in_order(dump_while_parked(), {"(dump_test_inner", "(dump_test_outer"});
}

TEST_F(DumpStacks, shouldGoOnBehindASegment)
{
    spawn_small([] { dump_test_segment(); });
    expect_in_order(dump_while_parked(),
                    {"(dump_test_inner", "(dump_test_outer", "(dump_test_segment"});
}

TEST_F(DumpStacks, shouldShowWhereAStrandWillBegin)
{
    spawn([] { strand_scheduler_dump_stacks(nullptr, STDERR_FILENO); });
    spawn([] {}, "to come");
    testing::internal::CaptureStderr();
    EXPECT_EQ(run(), 0);
    expect_in_order(testing::internal::GetCapturedStderr(),
                    {"native running\n", "\"to come\" native ready\n      at "});
}

TEST_F(DumpStacks, shouldLeaveTheStrandsAsTheyWere)
{
    int rounds = 0;
    spawn([&] {
        for (; rounds < 100; rounds++)
            strand_yield();
    });
    spawn([&] {
        int nowhere = open("/dev/null", O_WRONLY);
        while (rounds < 100) {
            strand_scheduler_dump_stacks(nullptr, nowhere);
            strand_yield();
        }
        close(nowhere);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(rounds, 100);
}

} // namespace
