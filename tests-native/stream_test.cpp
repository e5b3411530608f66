// SPDX-License-Identifier: Apache-2.0
// Reading: cpp/io/stream_read through the public header.
#include "stream_fixture.h"

#include <poll.h>

namespace {

class Reading : public StreamTest {};

TEST_F(Reading, shouldGiveEachLineWithItsEnding)
{
    Ends pipe = make_pipe();
    put(pipe.write, std::string("unix\ndos\r\n\n\r\nlone\rcr\nnul\0byte\nlast", 34));
    close(pipe.write);
    spawn([&] {
        strand_stream *in = open_stream(pipe.read);
        EXPECT_EQ(lines_of(in), (Lines{"unix\n", "dos\r\n", "\n", "\r\n", "lone\rcr\n",
                                       std::string("nul\0byte\n", 9), "last"}));
        EXPECT_EQ(line_of(in), "") << "the end stays the end";
        EXPECT_EQ(strand_close(in), 0);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(stats().lines_in, 7u);
    EXPECT_EQ(stats().bytes_in, 34u);
}

TEST_F(Reading, shouldParkUntilThereIsALine)
{
    Ends pipe = make_pipe();
    spawn([&] {
        strand_stream *in = open_stream(pipe.read);
        order += 'r';
        EXPECT_EQ(line_of(in), "whole\n");
        order += 'R';
        strand_close(in);
    });
    spawn([&] {
        order += 'w';
        put(pipe.write, "who");
        strand_sleep(1);
        order += 'W';
        put(pipe.write, "le\n");
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "rwWR");
    close(pipe.write);
}

TEST_F(Reading, shouldPutLinesTogetherFromSingleBytes)
{
    Ends pipe = make_pipe();
    std::string text = "one\r\n\ntwo\nlast";
    spawn([&] {
        strand_stream *in = open_stream(pipe.read);
        EXPECT_EQ(lines_of(in), (Lines{"one\r\n", "\n", "two\n", "last"}));
        strand_close(in);
    });
    spawn([&] {
        for (char byte : text) {
            put(pipe.write, std::string(1, byte));
            strand_sleep(1);
        }
        close(pipe.write);
    });
    EXPECT_EQ(run(), 0);
}

// The data and the end come in one event: with edge triggering there is no second.
void feed_last_line(int fd, bool half_close)
{
    put(fd, "last");
    half_close ? shutdown(fd, SHUT_WR) : close(fd);
}

TEST_F(Reading, shouldSeeALastLineAndTheEndInOneEvent)
{
    Ends pipe = make_pipe(), sockets = make_sockets();
    for (Ends ends : {pipe, sockets}) {
        spawn([this, ends] {
            strand_stream *in = open_stream(ends.read);
            EXPECT_EQ(line_of(in), "first\n");
            order += '1';
            EXPECT_EQ(lines_of(in), Lines{"last"});
            order += 'E';
            strand_close(in);
        });
        spawn([ends] { put(ends.write, "first\n"); });
    }
    spawn([&] {
        while (order != "11")
            strand_sleep(1);
        feed_last_line(pipe.write, false);
        feed_last_line(sockets.write, true);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "11EE");
    close(sockets.write);
}

TEST_F(Reading, shouldSeeTwoLinesThatComeAtOnceFromATerminal)
{
    Ends terminal = make_terminal();
    spawn([&] {
        strand_stream *in = open_stream(terminal.read);
        EXPECT_EQ(line_of(in), "one\n");
        EXPECT_EQ(line_of(in), "two\n");
        EXPECT_EQ(line_of(in), "three\n");
        strand_close(in);
    });
    spawn([&] { put(terminal.write, "one\ntwo\nthree\n"); });
    EXPECT_EQ(run(), 0);
    close(terminal.write);
}

TEST_F(Reading, shouldSeeTwoPacketsThatComeAtOnce)
{
    for (Ends ends : {make_sockets(SOCK_DGRAM), make_pipe(O_DIRECT)}) {
        spawn([this, ends] {
            strand_stream *in = open_stream(ends.read);
            EXPECT_EQ(line_of(in), "one\n");
            EXPECT_EQ(line_of(in), "two\n");
            strand_close(in);
            close(ends.write);
        });
        spawn([ends] {
            put(ends.write, "one\n");
            put(ends.write, "two\n");
        });
    }
    EXPECT_EQ(run(), 0);
}

TEST_F(Reading, shouldReadFilesThatTheLoopCannotWatch)
{
    std::string text;
    for (int i = 0; i < 100000; i++)
        text += "line " + std::to_string(i) + "\n";
    int file = make_file(text), null = open("/dev/null", O_RDONLY);
    spawn([&] {
        strand_stream *in = open_stream(file);
        std::string all;
        for (const std::string &line : lines_of(in))
            all += line;
        EXPECT_TRUE(all == text);
        EXPECT_EQ(strand_close(in), 0);
        in = open_stream(null);
        EXPECT_EQ(line_of(in), "");
        EXPECT_EQ(strand_close(in), 0);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Reading, shouldRefuseALineOverTheLimitOnceAndResumeAfterIt)
{
    Ends pipe = make_pipe();
    spawn([&] {
        strand_stream *in = open_stream(pipe.read, 4);
        EXPECT_EQ(line_of(in), "1234\r\n");
        EXPECT_EQ(line_of(in), "-E2BIG");
        EXPECT_EQ(line_of(in), "next\n");
        EXPECT_EQ(line_of(in), "-E2BIG");
        EXPECT_EQ(line_of(in), "");
        strand_close(in);
    });
    spawn([&] {
        for (const char *part : {"1234\r\n12", "345", "67890\nnext\n12", "345"}) {
            put(pipe.write, part);
            strand_sleep(1);
        }
        close(pipe.write);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(stats().overlong_lines, 2u);
}

TEST_F(Reading, shouldLetReadersTakeTurnsInTheOrderTheyCame)
{
    Ends pipe = make_pipe();
    put(pipe.write, "1\n2\n3\n4\n5\n6\n");
    close(pipe.write);
    strand_stream *in = nullptr;
    int readers = 3;
    for (char name = 'A'; name <= 'C'; name++)
        spawn([&, name] {
            if (!in)
                in = open_stream(pipe.read);
            for (std::string line; !(line = line_of(in)).empty(); strand_yield())
                order += name + line.substr(0, 1);
            if (--readers == 0)
                strand_close(in);
        });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "A1B2C3A4B5C6");
}

TEST_F(Reading, shouldKeepALineForItsReaderUntilThatLetsGo)
{
    Ends pipe = make_pipe();
    put(pipe.write, "one\ntwo\n");
    strand_stream *in = nullptr;
    spawn([&] {
        in = open_stream(pipe.read);
        strand_line line{};
        line.size = sizeof line;
        EXPECT_EQ(strand_read_line(in, &line), 1);
        for (int i = 0; i < 5; i++)
            strand_yield();
        order += std::string(line.text, line.length) + ";";
        EXPECT_EQ(strand_line_release(in), 0);
    });
    spawn([&] {
        order += line_of(in) + ";";
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "one;two\n;");
    close(pipe.write);
}

TEST_F(Reading, shouldFreeALineWhoseReaderEnds)
{
    Ends pipe = make_pipe();
    put(pipe.write, "one\ntwo\n");
    strand_stream *in = nullptr;
    spawn([&] {
        in = open_stream(pipe.read);
        EXPECT_EQ(line_of(in), "one\n");
        strand_yield();
    });
    spawn([&] { EXPECT_EQ(line_of(in), "two\n"); });
    EXPECT_EQ(run(), 0);
    spawn([&] {
        put(pipe.write, "three\n");
        EXPECT_EQ(line_of(in), "three\n") << "nobody waited when the last reader ended";
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    close(pipe.write);
}

TEST_F(Reading, shouldWakeThoseWhoWaitWhenTheStreamIsClosed)
{
    Ends sockets = make_sockets();
    strand_stream *stream = nullptr;
    for (int i = 0; i < 3; i++)
        spawn([&] {
            if (!stream)
                stream = open_stream(sockets.read);
            order += line_of(stream) + ";";
        });
    spawn([&] {
        strand_sleep(1);
        EXPECT_EQ(strand_close(stream), 0);
        order += "closed;";
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "closed;-EBADF;-EBADF;-EBADF;");
    EXPECT_EQ(read_all(sockets.write), "") << "the descriptor is closed";
    close(sockets.write);
}

TEST_F(Reading, shouldLeaveALineItsMemoryWhenAnotherClosesTheStream)
{
    Ends pipe = make_pipe();
    put(pipe.write, "kept\n");
    strand_stream *in = nullptr;
    spawn([&] {
        in = open_stream(pipe.read);
        strand_line line{};
        line.size = sizeof line;
        EXPECT_EQ(strand_read_line(in, &line), 1);
        strand_yield();
        order += std::string(line.text, line.length);
        EXPECT_EQ(strand_read_line(in, &line), -EBADF);
    });
    spawn([&] {
        EXPECT_EQ(strand_close(in), 0);
        order += "closed;";
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "closed;kept");
    close(pipe.write);
}

// The closer waits for its output to go: the descriptor is open, and the next line is there.
TEST_F(Reading, shouldTurnTheKeeperOfALineAwayWhileTheClosingTakesItsTime)
{
    for (bool lines : {true, false}) {
        Ends sockets = make_narrow();
        put(sockets.read, "kept\nnext\n");
        strand_stream *stream = nullptr;
        spawn([&] {
            char bytes[8];
            stream = open_stream(sockets.write);
            EXPECT_EQ(line_of(stream), "kept\n");
            EXPECT_EQ(put_line(stream, std::string(300000, 'x')), 0);
            strand_yield();
            order += 'k';
            if (lines)
                EXPECT_EQ(line_of(stream), "-EBADF");
            else
                EXPECT_EQ(strand_read(stream, bytes, sizeof bytes), -EBADF);
            spawn([&] {
                strand_stream *peer = open_stream(sockets.read);
                EXPECT_EQ(line_of(peer).size(), 300001u);
                strand_close(peer);
            });
        });
        spawn([&] {
            order += 'c';
            EXPECT_EQ(strand_close(stream), 0);
            order += 'C';
        });
        EXPECT_EQ(run(), 0);
    }
    EXPECT_EQ(order, "ckCckC");
}

TEST_F(Reading, shouldEndAtTheDeadlineButTakeWhatIsThere)
{
    Ends pipe = make_pipe();
    spawn([&] {
        strand_stream *in = open_stream(pipe.read);
        strand_set_deadline(in, strand_now_ns() + 5 * MS);
        EXPECT_EQ(line_of(in), "-ETIMEDOUT");
        put(pipe.write, "late\n");
        EXPECT_EQ(line_of(in), "late\n") << "a past deadline tries once";
        EXPECT_EQ(line_of(in), "-ETIMEDOUT");
        strand_set_deadline(in, STRAND_FOREVER);
        close(pipe.write);
        EXPECT_EQ(line_of(in), "");
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Reading, shouldKeepACallsDeadlineWhenAnotherIsSetMeanwhile)
{
    Ends pipe = make_pipe();
    strand_stream *in = nullptr;
    spawn([&] {
        in = open_stream(pipe.read);
        order += line_of(in);
    });
    spawn([&] { order += line_of(in); });      // in the queue
    spawn([&] {
        EXPECT_EQ(strand_set_deadline(in, 1), 0);
        put(pipe.write, "half ");              // the first one looks again
        while (stats().bytes_in < 5)
            strand_yield();
        put(pipe.write, "line\nnext\n");
    });
    spawn([&] {
        while (order.size() < 15)
            strand_yield();
        EXPECT_EQ(line_of(in), "-ETIMEDOUT") << "of a call that began with it";
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "half line\nnext\n");
    close(pipe.write);
}

TEST_F(Reading, shouldMeetACancelOnlyWhenItWouldWait)
{
    Ends pipe = make_pipe();
    strand_id reader = spawn([&] {
        strand_stream *in = open_stream(pipe.read);
        EXPECT_EQ(line_of(in), "there\n");
        EXPECT_EQ(line_of(in), "-ECANCELED");
        put(pipe.write, "again\n");
        EXPECT_EQ(line_of(in), "again\n") << "one cancel ends one call";
        strand_close(in);
    });
    put(pipe.write, "there\n");
    EXPECT_EQ(strand_cancel(reader), 0);
    EXPECT_EQ(run(), 0);
    close(pipe.write);
}

TEST_F(Reading, shouldCancelAQueuedReaderAndKeepTheOthersInLine)
{
    Ends pipe = make_pipe();
    strand_stream *in = nullptr;
    strand_id ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = spawn([&, i] {
            if (!in)
                in = open_stream(pipe.read);
            order += std::to_string(i) + line_of(in) + ";";
        });
    spawn([&] {
        strand_cancel(ids[1]);
        strand_sleep(1);
        put(pipe.write, "a\nb\n");
        for (strand_id id : ids)
            strand_join(id, STRAND_FOREVER, nullptr);
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "1-ECANCELED;0a\n;2b\n;");
    close(pipe.write);
}

TEST_F(Reading, shouldReportADeadlockOfAReaderAndTheOneWhoKeepsTheLine)
{
    Ends pipe = make_pipe();
    put(pipe.write, "kept\n");
    strand_stream *in = nullptr;
    strand_id ids[2];
    ids[0] = spawn([&] {
        in = open_stream(pipe.read);
        order += line_of(in);
        EXPECT_EQ(strand_join(ids[1], STRAND_FOREVER, nullptr), -ECANCELED);
    }, "keeper");
    ids[1] = spawn([&] { order += line_of(in); }, "waits for the keeper");
    EXPECT_EQ(run(), -EDEADLK);
    strand_cancel(ids[0]);
    put(pipe.write, "next\n");
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "kept\nnext\n");
    close(pipe.write);
}

TEST_F(Reading, shouldGiveWayOnInputThatNeverEnds)
{
    int zeros = open("/dev/zero", O_RDONLY);
    strand_id reader = spawn([&] {
        strand_stream *in = open_stream(zeros, 100);
        EXPECT_EQ(line_of(in), "-E2BIG");
        EXPECT_EQ(line_of(in), "-ECANCELED");
        strand_close(in);
    });
    spawn([&] {
        for (int i = 0; i < 100; i++)
            strand_yield();
        strand_cancel(reader);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Reading, shouldMixRawReadsWithLines)
{
    Ends pipe = make_pipe();
    put(pipe.write, "first\nraw" + std::string(10000, 'x'));
    spawn([&] {
        char bytes[8192];
        strand_stream *in = open_stream(pipe.read);
        EXPECT_EQ(line_of(in), "first\n");
        EXPECT_EQ(strand_read(in, bytes, 3), 3);
        EXPECT_EQ(std::string(bytes, 3), "raw");
        size_t total = 0;
        while (total < 10000)
            total += static_cast<size_t>(strand_read(in, bytes, sizeof bytes));
        put(pipe.write, "tail\nend");
        close(pipe.write);
        EXPECT_EQ(strand_read(in, bytes, 2), 2);
        EXPECT_EQ(line_of(in), "il\n");
        EXPECT_EQ(strand_read(in, bytes, sizeof bytes), 3);
        EXPECT_EQ(strand_read(in, bytes, sizeof bytes), 0);
        EXPECT_EQ(strand_read(in, bytes, 1), 0);
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Reading, shouldLeaveTheFlagsOfEveryDescriptorAsTheyWere)
{
    for (Ends ends : {make_pipe(), make_sockets(), make_terminal()}) {
        int before = fcntl(ends.read, F_GETFL);
        spawn([this, ends, before] {
            strand_stream *in = open_stream(ends.read, 0, true);
            EXPECT_EQ(line_of(in), "line\n");
            EXPECT_EQ(fcntl(ends.read, F_GETFL), before) << "while open";
            strand_close(in);
            EXPECT_EQ(fcntl(ends.read, F_GETFL), before) << "after close";
            EXPECT_FALSE(before & O_NONBLOCK);
            close(ends.read);
            close(ends.write);
        });
        spawn([=] { put(ends.write, "line\n"); });
    }
    EXPECT_EQ(run(), 0);
}

TEST_F(Reading, shouldReportAReset)
{
    Ends sockets = make_sockets();
    put(sockets.read, "unread by the peer");
    spawn([&] {
        strand_stream *in = open_stream(sockets.read);
        EXPECT_EQ(line_of(in), "-ECONNRESET");
        EXPECT_EQ(line_of(in), "") << "once";
        strand_close(in);
    });
    spawn([&] { close(sockets.write); });
    EXPECT_EQ(run(), 0);
}

TEST_F(Reading, shouldRefuseWhatIsNoCallOfAStrand)
{
    strand_stream *stream = nullptr;
    EXPECT_EQ(strand_stream_open(0, nullptr, &stream), -EPERM);
    EXPECT_EQ(strand_stdin(), nullptr);
    EXPECT_EQ(errno, EPERM);
    spawn([&] {
        strand_line line{};
        Ends pipe = make_pipe();
        EXPECT_EQ(strand_stream_open(-1, nullptr, &stream), -EBADF);
        stream = open_stream(pipe.read);
        EXPECT_EQ(strand_read_line(stream, &line), -EINVAL) << "no size";
        EXPECT_EQ(strand_read_line(nullptr, &line), -EINVAL);
        EXPECT_EQ(strand_read_line(stream, nullptr), -EINVAL);
        EXPECT_EQ(strand_shutdown_write(stream), -ENOTSOCK);
        strand_close(stream);
        close(pipe.write);
    });
    EXPECT_EQ(run(), 0);
}

} // namespace
