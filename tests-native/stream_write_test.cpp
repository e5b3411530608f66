// SPDX-License-Identifier: Apache-2.0
// Writing and closing: cpp/io/stream_write, stream_close and standard through the public header.
#include "stream_fixture.h"

#include <sys/wait.h>

namespace {

class Writing : public StreamTest {};

// Each write to such a socket is one packet, so the packets count the writes.
std::vector<size_t> packets(int fd)
{
    std::vector<size_t> sizes;
    std::string bytes(100000, ' ');   // more than a strand's stack has
    for (ssize_t count; (count = recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0;)
        sizes.push_back(static_cast<size_t>(count));
    return sizes;
}

TEST_F(Writing, shouldSendWhatAStrandWroteInOneWhenItParks)
{
    Ends sockets = make_sockets(SOCK_SEQPACKET);
    spawn([&] {
        strand_stream *out = open_stream(sockets.write, 0, true);
        for (int i = 0; i < 100; i++)
            EXPECT_EQ(put_line(out, "123456789"), 0);
        EXPECT_EQ(packets(sockets.read), std::vector<size_t>{}) << "not yet";
        strand_sleep(1);
        EXPECT_EQ(packets(sockets.read), std::vector<size_t>{1000});
        EXPECT_EQ(put_bytes(out, "end"), 3);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(packets(sockets.read), std::vector<size_t>{3}) << "at the strand's end";
    EXPECT_EQ(stats().lines_out, 100u);
    EXPECT_EQ(stats().bytes_out, 1003u);
    close(sockets.read);
    close(sockets.write);
}

TEST_F(Writing, shouldSendWithoutAParkWhenABufferIsFull)
{
    Ends sockets = make_sockets(SOCK_SEQPACKET);
    spawn([&] {
        strand_stream *out = open_stream(sockets.write);
        for (int i = 0; i < 100; i++)
            EXPECT_EQ(put_line(out, std::string(999, 'x')), 0);
        EXPECT_EQ(packets(sockets.read), std::vector<size_t>{65000});
        EXPECT_EQ(strand_flush(out), 0);
        EXPECT_EQ(packets(sockets.read), std::vector<size_t>{35000});
        strand_close(out);
    });
    EXPECT_EQ(run(), 0);
    close(sockets.read);
}

TEST_F(Writing, shouldParkTheWriterOfAFullPipeWhileOthersGoOn)
{
    Ends pipe = make_pipe();
    constexpr int lines = 3000;
    spawn([&] {
        strand_stream *out = open_stream(pipe.write);
        for (int i = 0; i < lines; i++)
            EXPECT_EQ(put_line(out, std::string(100, 'a')), 0);
        order += 'W';
        EXPECT_EQ(strand_close(out), 0);
    });
    spawn([&] {
        for (int i = 0; i < 3; i++, strand_yield())
            order += 'o';
        strand_stream *in = open_stream(pipe.read);
        EXPECT_EQ(lines_of(in), Lines(lines, std::string(100, 'a') + "\n"));
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "oooW");
}

TEST_F(Writing, shouldWriteEachLineWholeAmongManyWriters)
{
    Ends sockets = make_narrow();
    constexpr int writers = 20, lines = 20;
    strand_stream *out = nullptr;
    int left = writers;
    for (int w = 0; w < writers; w++)
        spawn([&, w] {
            if (!out)
                out = open_stream(sockets.write);
            for (int i = 0; i < lines; i++)
                EXPECT_EQ(put_line(out, std::string(w % 2 ? 100 : 150000, char('a' + w))), 0);
            if (--left > 0)
                return;
            EXPECT_EQ(strand_close(out), 0);
        });
    spawn([&] {
        strand_stream *in = open_stream(sockets.read);
        int counts[writers] = {};
        for (const std::string &line : lines_of(in)) {
            int w = line[0] - 'a';
            counts[w]++;
            ASSERT_EQ(line.size(), (w % 2 ? 100u : 150000u) + 1);
            ASSERT_EQ(line.find_first_not_of(line[0]), line.size() - 1);
        }
        for (int count : counts)
            EXPECT_EQ(count, lines);
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Writing, shouldKeepTheOrderOfLargeAndSmallWrites)
{
    for (Ends ends : {make_pipe(), make_narrow()}) {
        auto expected = std::make_shared<std::string>();
        spawn([this, ends, expected] {
            strand_stream *out = open_stream(ends.write);
            for (size_t size : {1, 200000, 3, 65536, 65535, 0, 70000, 1, 131072}) {
                std::string text(size, static_cast<char>('a' + size % 26));
                *expected += text + "\n";
                EXPECT_EQ(put_line(out, text), 0);
            }
            EXPECT_EQ(strand_close(out), 0);
        });
        spawn([this, ends, expected] {
            std::string all;
            strand_stream *in = open_stream(ends.read);
            for (const std::string &line : lines_of(in))
                all += line;
            EXPECT_TRUE(all == *expected);
            strand_close(in);
        });
    }
    EXPECT_EQ(run(), 0);
}

TEST_F(Writing, shouldReportALostPeerAndLive)
{
    for (Ends ends : {make_pipe(), make_sockets()}) {
        close(ends.read);
        spawn([this, ends] {
            strand_stream *out = open_stream(ends.write);
            EXPECT_EQ(put_line(out, "lost"), 0);
            strand_sleep(1);
            EXPECT_EQ(put_line(out, "told"), -EPIPE) << "of what was accepted earlier";
            EXPECT_EQ(put_line(out, "next"), 0) << "once";
            EXPECT_EQ(strand_flush(out), -EPIPE);
            EXPECT_EQ(put_line(out, std::string(100000, 'x')), -EPIPE);
            EXPECT_EQ(strand_close(out), 0);
        });
    }
    EXPECT_EQ(run(), 0);
}

TEST_F(Writing, shouldReportAFullDevice)
{
    int full = open("/dev/full", O_WRONLY);
    spawn([&] {
        strand_stream *out = open_stream(full);
        EXPECT_EQ(put_line(out, "x"), 0);
        EXPECT_EQ(strand_close(out), -ENOSPC);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Writing, shouldWriteAfterThePeerHasEndedItsHalf)
{
    Ends sockets = make_sockets();
    shutdown(sockets.read, SHUT_WR);
    spawn([&] {
        strand_stream *stream = open_stream(sockets.write);
        EXPECT_EQ(line_of(stream), "");
        EXPECT_EQ(put_line(stream, "still"), 0);
        EXPECT_EQ(strand_shutdown_write(stream), 0);
        EXPECT_EQ(put_line(stream, "no more"), -EPIPE);
        EXPECT_EQ(read_all(sockets.read), "still\n");
        strand_close(stream);
    });
    EXPECT_EQ(run(), 0);
    close(sockets.read);
}

TEST_F(Writing, shouldReadAfterItsOwnHalfIsEnded)
{
    Ends sockets = make_sockets();
    spawn([&] {
        strand_stream *stream = open_stream(sockets.write);
        put_line(stream, "question");
        EXPECT_EQ(strand_shutdown_write(stream), 0);
        EXPECT_EQ(line_of(stream), "answer\n");
        strand_close(stream);
    });
    spawn([&] {
        EXPECT_EQ(read_all(sockets.read), "question\n");
        put(sockets.read, "answer\n");
        close(sockets.read);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Writing, shouldFlushUntilAllIsWithTheKernel)
{
    Ends sockets = make_narrow();
    spawn([&] {
        strand_stream *out = open_stream(sockets.write);
        EXPECT_EQ(put_line(out, std::string(60000, 'x')), 0);
        EXPECT_EQ(strand_flush(out), 0);
        order += 'F';
        EXPECT_EQ(stats().bytes_out, 60001u);
        strand_close(out);
    });
    spawn([&] {
        order += 'r';
        strand_stream *in = open_stream(sockets.read);
        EXPECT_EQ(line_of(in).size(), 60001u);
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "rF");
}

TEST_F(Writing, shouldTimeOutBeforeALineIsAcceptedNeverInTheMiddle)
{
    Ends sockets = make_narrow();
    std::string expected;
    spawn([&] {
        strand_stream *out = open_stream(sockets.write);
        strand_set_deadline(out, strand_now_ns() + 5 * MS);
        int status, number = 0;
        std::string text;
        do {
            text = std::to_string(number++) + std::string(20000, '.');
            status = put_line(out, text);
            if (status == 0)
                expected += text + "\n";
        } while (status == 0);
        EXPECT_EQ(status, -ETIMEDOUT);
        strand_set_deadline(out, STRAND_FOREVER);
        spawn([&] {
            strand_stream *in = open_stream(sockets.read);
            std::string all;
            for (const std::string &line : lines_of(in))
                all += line;
            EXPECT_TRUE(all == expected);
            strand_close(in);
        });
        EXPECT_EQ(strand_close(out), 0);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Writing, shouldKeepACallsDeadlineWhenAnotherIsSetMeanwhile)
{
    Ends sockets = make_narrow();
    strand_stream *out = nullptr;
    int writers = 3;
    auto done = [&](int status, char name) {
        EXPECT_EQ(status, 0) << name;
        order += name;
        if (--writers == 0) {
            EXPECT_EQ(strand_close(out), 0);
        }
    };
    spawn([&] {
        out = open_stream(sockets.write);
        EXPECT_EQ(put_line(out, std::string(200000, 'x')), 0);
        done(put_line(out, "waits for room"), 'L');
    });
    spawn([&] { done(strand_flush(out), 'F'); });
    spawn([&] { done(strand_shutdown_write(out), 'S'); });
    spawn([&] {
        EXPECT_EQ(strand_set_deadline(out, 1), 0);
        strand_stream *in = open_stream(sockets.read);
        EXPECT_EQ(line_of(in).size(), 200001u);
        EXPECT_EQ(line_of(in), "waits for room\n");
        EXPECT_EQ(line_of(in), "");
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "LFS");
}

TEST_F(Writing, shouldTryOnceAfterTheDeadline)
{
    Ends sockets = make_sockets();
    spawn([&] {
        strand_stream *out = open_stream(sockets.write);
        strand_set_deadline(out, 0);
        while (put_line(out, std::string(10000, '.')) == 0)
            continue;
        std::string bytes(1000000, ' ');
        while (recv(sockets.read, bytes.data(), bytes.size(), MSG_DONTWAIT) > 0)
            continue;
        EXPECT_EQ(put_line(out, "there is room"), 0);
        strand_close(out);
    });
    EXPECT_EQ(run(), 0);
    close(sockets.read);
}

TEST_F(Writing, shouldDeliverWhatWasAcceptedWhenACloseIsCancelled)
{
    Ends sockets = make_narrow();
    strand_id closer = spawn([&] {
        strand_stream *out = open_stream(sockets.write);
        EXPECT_EQ(put_line(out, std::string(300000, 'x')), 0);
        EXPECT_EQ(strand_close(out), -ECANCELED);
    });
    spawn([&] {
        strand_cancel(closer);
        strand_join(closer, STRAND_FOREVER, nullptr);
        strand_stream *in = open_stream(sockets.read);
        EXPECT_EQ(line_of(in).size(), 300001u);
        EXPECT_EQ(line_of(in), "") << "then the descriptor is closed";
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Writing, shouldWakeQueuedWritersWhenTheStreamIsClosed)
{
    Ends sockets = make_narrow();
    strand_stream *out = nullptr;
    for (char name = 'A'; name <= 'C'; name++)
        spawn([&, name] {
            if (!out)
                out = open_stream(sockets.write);
            int status = 0;
            while (status == 0)
                status = put_line(out, std::string(50000, name));
            EXPECT_EQ(status, -EBADF);
            order += name;
        });
    spawn([&] {
        strand_sleep(1);
        strand_set_deadline(out, strand_now_ns() + MS);
        EXPECT_EQ(strand_close(out), -ETIMEDOUT) << "nobody reads";
        order += '.';
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "BCA.");
    close(sockets.read);
}

TEST_F(Writing, shouldNotEndTheRunBeforeAcceptedOutputIsSent)
{
    Ends sockets = make_narrow();
    spawn([&] { put_line(open_stream(sockets.write), std::string(60000, 'x')); });
    int reader = sockets.read;
    pid_t child = fork();
    if (child == 0) {
        close(sockets.write);
        char byte;
        size_t total = 0;
        while (total < 60001 && read(reader, &byte, 1) == 1)
            total++;
        _exit(total == 60001 ? 0 : 1);
    }
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(stats().bytes_out, 60001u);
    EXPECT_EQ(strand_scheduler_shutdown(scheduler), 0);
    scheduler = nullptr;
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    close(reader);
}

TEST_F(Writing, shouldNotWaitBeyondTheGraceForOutputThatNobodyTakes)
{
    strand_scheduler_options options{};
    options.size = sizeof options;
    options.grace_ns = 20 * MS;
    strand_scheduler *second;
    ASSERT_EQ(strand_scheduler_init(&options, &second), 0);
    Ends sockets = make_narrow();
    spawn_on(second, [&] {
        EXPECT_EQ(put_line(open_stream(sockets.write), std::string(60000, 'x')), 0);
        EXPECT_EQ(strand_scheduler_stop(second), 0);
    });
    testing::internal::CaptureStderr();
    EXPECT_EQ(strand_scheduler_run(second), 0);
    std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("output"), std::string::npos) << text;
    EXPECT_EQ(strand_scheduler_shutdown(second), 0);
    close(sockets.read);
}

TEST_F(Writing, shouldWaitInTwoStreamsOnOneDescriptor)
{
    Ends sockets = make_narrow();
    spawn([&] {
        strand_stream *in = open_stream(sockets.write, 0, true);
        EXPECT_EQ(line_of(in), "pong\n");
        order += 'r';
        strand_close(in);
    });
    spawn([&] {
        strand_stream *out = open_stream(sockets.write, 0, true);
        EXPECT_EQ(put_line(out, std::string(300000, 'x')), 0);
        EXPECT_EQ(strand_close(out), 0);
        order += 'w';
        close(sockets.write);
    });
    spawn([&] {
        put(sockets.read, "pong\n");
        strand_stream *in = open_stream(sockets.read);
        EXPECT_EQ(line_of(in).size(), 300001u);
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "rw");
}

class Standard : public StreamTest {};

TEST_F(Standard, shouldBelongToOneSchedulerAtATimeAndNotBeClosed)
{
    strand_scheduler *other = nullptr;
    ASSERT_EQ(strand_scheduler_init(nullptr, &other), 0);
    int before = fcntl(1, F_GETFL);
    spawn([&] {
        strand_stream *out = strand_stdout();
        ASSERT_NE(out, nullptr);
        EXPECT_EQ(strand_stdout(), out);
        EXPECT_EQ(strand_close(out), 0);
        EXPECT_EQ(strand_println("printed", 7), 0) << "close has only flushed";
        EXPECT_EQ(strand_print("", 0), 0);
    });
    EXPECT_EQ(run(), 0);
    auto use = [&](bool free) {
        spawn_on(other, [free] {
            errno = 0;
            strand_stream *out = strand_stdout();
            EXPECT_EQ(out != nullptr, free);
            EXPECT_EQ(errno, free ? 0 : EBUSY);
        });
        EXPECT_EQ(strand_scheduler_run(other), 0);
    };
    use(false);
    EXPECT_EQ(strand_scheduler_shutdown(scheduler), 0);
    scheduler = nullptr;
    use(true);
    EXPECT_EQ(strand_scheduler_shutdown(other), 0);
    EXPECT_EQ(fcntl(1, F_GETFL), before);
}

TEST_F(Standard, shouldRefuseTheStreamsOfAnotherScheduler)
{
    Ends sockets = make_sockets();
    strand_stream *stream = nullptr;
    spawn([&] { stream = open_stream(sockets.read); });
    EXPECT_EQ(run(), 0);
    strand_scheduler *other = nullptr;
    ASSERT_EQ(strand_scheduler_init(nullptr, &other), 0);
    spawn_on(other, [&] {
        EXPECT_EQ(line_of(stream), "-EPERM");
        EXPECT_EQ(put_line(stream, "x"), -EPERM);
        EXPECT_EQ(strand_flush(stream), -EPERM);
        EXPECT_EQ(strand_close(stream), -EPERM);
    });
    EXPECT_EQ(strand_scheduler_run(other), 0);
    EXPECT_EQ(strand_scheduler_shutdown(other), 0);
    close(sockets.write);
}

} // namespace
