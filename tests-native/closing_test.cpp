// SPDX-License-Identifier: Apache-2.0
// Closing by a host of strands while none of them runs: cpp/io/stream_close.
#include "stream_fixture.h"

extern "C" {
#include "stream_probe.h"
}

namespace {

class ClosingIdle : public StreamTest {
protected:
    void SetUp() override
    {
        strand_scheduler_options options{};
        options.size = sizeof options;
        options.grace_ns = 20 * MS;
        ASSERT_EQ(strand_scheduler_init(&options, &scheduler), 0);
    }

    // A run that is stopped once all have parked, and leaves what does not end.
    void run_and_break_off()
    {
        spawn([] { strand_scheduler_stop(nullptr); });
        testing::internal::CaptureStderr();
        EXPECT_EQ(run(), 0);
        EXPECT_NE(testing::internal::GetCapturedStderr(), "");
    }
};

TEST_F(ClosingIdle, shouldCloseTheDescriptorAtOnceWhenAllIsSent)
{
    Ends sockets = make_sockets();
    strand_stream *stream = nullptr;
    spawn([&] { put_line(stream = open_stream(sockets.write), "last"); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(probe_close_idle(scheduler, stream), 0);
    ASSERT_EQ(fcntl(sockets.write, F_GETFD), -1);
    EXPECT_EQ(read_all(sockets.read), "last\n");
    close(sockets.read);
}

TEST_F(ClosingIdle, shouldSendWhatIsLeftInTheNextRunAndEndTheStreamWithIt)
{
    Ends sockets = make_narrow();
    strand_stream *out = nullptr;
    spawn([&] {
        out = open_stream(sockets.write);
        EXPECT_EQ(put_line(out, std::string(60000, 'x')), 0);
    });
    run_and_break_off();
    EXPECT_EQ(probe_close_idle(scheduler, out), 0);
    EXPECT_EQ(probe_close_idle(scheduler, out), 0) << "it goes on by itself";
    EXPECT_GE(fcntl(sockets.write, F_GETFD), 0) << "not yet";
    spawn([&] {
        strand_stream *in = open_stream(sockets.read);
        EXPECT_EQ(line_of(in).size(), 60001u);
        EXPECT_EQ(line_of(in), "");
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(fcntl(sockets.write, F_GETFD), -1);
}

TEST_F(ClosingIdle, shouldTellTheErrorOfWhatWasAccepted)
{
    Ends pipe = make_pipe();
    strand_stream *out = nullptr;
    close(pipe.read);
    spawn([&] { EXPECT_EQ(put_line(out = open_stream(pipe.write), "lost"), 0); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(probe_close_idle(scheduler, out), -EPIPE);
    EXPECT_EQ(fcntl(pipe.write, F_GETFD), -1);
}

TEST_F(ClosingIdle, shouldTurnAwayThoseWhoWait)
{
    Ends sockets = make_narrow();
    strand_stream *stream = nullptr;
    spawn([&] {
        stream = open_stream(sockets.write);
        std::string line;
        do
            line = line_of(stream);
        while (line == "-ECANCELED");
        order += "r" + line + ";";
    });
    for (int i = 0; i < 2; i++)      // one waits for room, one for its turn
        spawn([&] {
            int status = 0;
            while (status == 0 || status == -ECANCELED)
                status = put_line(stream, std::string(50000, 'x'));
            order += status == -EBADF ? "w;" : "?";
        });
    run_and_break_off();
    EXPECT_EQ(order, "");
    EXPECT_EQ(probe_close_idle(scheduler, stream), 0);
    spawn([&] {
        EXPECT_EQ(order, "r-EBADF;w;w;") << "they waited for room";
        strand_stream *in = open_stream(sockets.read);
        lines_of(in);
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(ClosingIdle, shouldOnlyFlushAStandardStream)
{
    strand_stream *out = nullptr;
    spawn([&] { out = strand_stdout(); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(probe_close_idle(scheduler, out), 0);
    EXPECT_GE(fcntl(1, F_GETFD), 0);
    spawn([&] {
        EXPECT_EQ(strand_stdout(), out);
        EXPECT_EQ(strand_println("printed", 7), 0);
        EXPECT_EQ(strand_flush(out), 0);
    });
    EXPECT_EQ(run(), 0);
}

// What stays behind would be the address of a stream that has gone.
TEST_F(ClosingIdle, shouldLeaveNoWatchBehind)
{
    Ends sockets = make_sockets();
    spawn([&] {
        size_t before = probe_watched(scheduler);
        strand_stream *stream = open_stream(sockets.write);
        strand_set_deadline(stream, strand_now_ns() + MS);
        EXPECT_EQ(line_of(stream), "-ETIMEDOUT");
        EXPECT_EQ(probe_watched(scheduler), before + 1);
        strand_close(stream);
        EXPECT_EQ(probe_watched(scheduler), before);
    });
    EXPECT_EQ(run(), 0);
    close(sockets.read);
}

} // namespace
