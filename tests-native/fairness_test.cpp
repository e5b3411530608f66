// SPDX-License-Identifier: Apache-2.0
// Everything that is ready runs before the loop is asked again, but no longer than the bound.
#include <poll.h>
#include <unistd.h>

#include "scheduler_fixture.h"

namespace {

struct Pipe {
    int read, write;

    Pipe()
    {
        int ends[2];
        EXPECT_EQ(pipe(ends), 0);
        read = ends[0], write = ends[1];
    }
    ~Pipe()
    {
        close(read);
        close(write);
    }
};

class Fairness : public SchedulerTest {
protected:
    static constexpr unsigned BOUND = 64;

    void SetUp() override
    {
        strand_scheduler_options options{};
        options.size = sizeof options;
        options.poll_bound = BOUND;
        ASSERT_EQ(strand_scheduler_init(&options, &scheduler), 0);
    }
    void wait_for(const Pipe &pipe)
    {
        EXPECT_EQ(strand_wait_fd(pipe.read, POLLIN, STRAND_FOREVER), POLLIN);
    }
};

TEST_F(Fairness, shouldServeADescriptorWithinTheBoundThoughOthersOnlyYield)
{
    constexpr unsigned GIVE_UP = 100000;
    Pipe pipe;
    bool served = false;
    unsigned yields = 0;
    spawn([&] {
        wait_for(pipe);
        served = true;
    });
    spawn([&] {
        EXPECT_EQ(write(pipe.write, "x", 1), 1);
        for (; !served && yields < GIVE_UP; yields++)
            strand_yield();
    });
    spawn([&] {
        while (!served && yields < GIVE_UP)
            strand_yield();
    });
    EXPECT_EQ(run(), 0);
    EXPECT_LE(yields, BOUND);
}

TEST_F(Fairness, shouldRunEverythingReadyBeforeItAsksAgain)
{
    constexpr size_t COUNT = BOUND - 14;
    Pipe quiet;              // so that there is something to ask for throughout
    std::vector<Pipe> pipes(COUNT);
    size_t served = 0;
    uint64_t before = 0;
    for (const Pipe &pipe : pipes)
        spawn([&] {
            wait_for(pipe);
            if (++served < COUNT)
                return;
            order = std::to_string(stats().polls - before);
            EXPECT_EQ(write(quiet.write, "x", 1), 1);
        });
    spawn([&] { wait_for(quiet); });
    spawn([&] {
        strand_yield();      // the others wait
        before = stats().polls;
        for (const Pipe &pipe : pipes)
            EXPECT_EQ(write(pipe.write, "x", 1), 1);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "1");
}

}   // namespace
