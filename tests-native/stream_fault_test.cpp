// SPDX-License-Identifier: Apache-2.0
// Streams on kernels and peers that do what they may: calls that are interrupted, move one byte or
// cannot be watched; urgent data, descriptors passed along, resets.
#include "faulty_calls.h"
#include "stream_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/syscall.h>

#include <thread>

namespace {

class Faulty : public StreamTest {
protected:
    void TearDown() override
    {
        faulty.reset();
        StreamTest::TearDown();
    }

    // What is done to epoll's calls reaches no other loop.
    bool is_epoll() { return std::string(stats().loop) == "epoll"; }

    // Two ends of a TCP connection, made outside the library.
    static Ends make_tcp()
    {
        sockaddr_in address{};
        socklen_t length = sizeof address;
        auto *any = reinterpret_cast<sockaddr *>(&address);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(bind(listener, any, length), 0);
        EXPECT_EQ(listen(listener, 1), 0);
        EXPECT_EQ(getsockname(listener, any, &length), 0);
        EXPECT_EQ(syscall(SYS_connect, client, any, length), 0);
        int server = accept(listener, nullptr, nullptr);
        EXPECT_GE(server, 0);
        close(listener);
        return {server, client};
    }

    static void fill(int fd)
    {
        EXPECT_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        std::string bytes(4096, '.');
        while (write(fd, bytes.data(), bytes.size()) > 0)
            continue;
    }

    // Many lines of all lengths through an echo over `make`'s ends, and back.
    template <typename Make>
    void echo_over(Make make)
    {
        Ends there = make(), back = make();
        std::string text;
        for (int i = 0; i < 300; i++)
            text += std::string(static_cast<size_t>(i % 17 * 7), char('a' + i % 26)) +
                    (i % 3 ? "\n" : "\r\n");
        text += "last";
        spawn([this, there, back] {
            strand_stream *in = open_stream(there.read), *out = open_stream(back.write);
            for (std::string line; !(line = line_of(in)).empty();)
                ASSERT_EQ(put_bytes(out, line), static_cast<ssize_t>(line.size()));
            EXPECT_EQ(strand_close(out), 0);
            strand_close(in);
        });
        spawn([this, there, text] {
            strand_stream *out = open_stream(there.write);
            EXPECT_EQ(put_bytes(out, text), static_cast<ssize_t>(text.size()));
            EXPECT_EQ(strand_close(out), 0);
        });
        std::string all;
        spawn([this, back, &all] {
            strand_stream *in = open_stream(back.read);
            for (const std::string &line : lines_of(in))
                all += line;
            strand_close(in);
        });
        EXPECT_EQ(run(), 0);
        EXPECT_TRUE(all == text) << all.size() << " bytes of " << text.size();
    }

    void echo_over_everything()
    {
        echo_over([] { return make_pipe(); });
        echo_over([] { return make_sockets(); });
        echo_over(make_tcp);
    }

    // A question and its answer over a listener and a connection of the library's.
    void talk(const std::string &address)
    {
        spawn([this, address] {
            strand_listener *listener = nullptr;
            ASSERT_EQ(strand_listen(address.c_str(), 0, &listener), 0);
            char name[128];
            strand_listener_address(listener, name, sizeof name);
            spawn([this, listener] {
                strand_stream *peer = nullptr;
                ASSERT_EQ(strand_accept(listener, STRAND_FOREVER, &peer), 0);
                order += line_of(peer);
                put_line(peer, "answer");
                EXPECT_EQ(strand_close(peer), 0);
                strand_listener_close(listener);
            });
            strand_stream *stream = nullptr;
            ASSERT_EQ(strand_connect(name, STRAND_FOREVER, &stream), 0);
            put_line(stream, "question");
            order += line_of(stream);
            strand_close(stream);
        });
        EXPECT_EQ(run(), 0);
    }
};

TEST_F(Faulty, shouldMoveTheSameBytesWhenEverySecondCallIsInterrupted)
{
    faulty.interrupted = true;
    echo_over_everything();
    for (const char *address : {"127.0.0.1:0", "[::1]:0"})
        talk(address);
    EXPECT_EQ(order, "question\nanswer\nquestion\nanswer\n");
    EXPECT_GT(faulty.interruptions, 30);
}

TEST_F(Faulty, shouldMoveTheSameBytesOneByOne)
{
    faulty.single = true;
    echo_over_everything();
    EXPECT_GT(faulty.reads, 10000);
}

TEST_F(Faulty, shouldMoveTheSameBytesOneByOneAndInterrupted)
{
    faulty.single = faulty.interrupted = true;
    echo_over_everything();
}

TEST_F(Faulty, shouldReadOnAfterAReadThatWasCutToOneByte)
{
    Ends tcp = make_tcp();
    const std::string text = "first\n", more = "all of it\ncame at once\n";
    spawn([&] {
        strand_stream *in = open_stream(tcp.read);
        EXPECT_EQ(line_of(in), text);
        order += '1';
        EXPECT_EQ(line_of(in), "all of it\n");
        EXPECT_EQ(line_of(in), "came at once\n");
        strand_close(in);
    });
    spawn([&] {
        put(tcp.write, text);
        while (order.empty())
            strand_sleep(1);
        put(tcp.write, more);
        faulty.single = true;
    });
    EXPECT_EQ(run(), 0);
    close(tcp.write);
}

// A read stops short of urgent data, as of the end: what lies behind them came with them.
TEST_F(Faulty, shouldReadOnBehindUrgentData)
{
    Ends tcp = make_tcp();
    spawn([&] {
        strand_stream *in = open_stream(tcp.read);
        EXPECT_EQ(line_of(in), "first\n");
        order += '1';
        EXPECT_EQ(line_of(in), "before\n");
        EXPECT_EQ(line_of(in), "behind\n");
        strand_close(in);
    });
    spawn([&] {
        put(tcp.write, "first\n");
        while (order.empty())
            strand_sleep(1);
        put(tcp.write, "before\n");
        EXPECT_EQ(send(tcp.write, "!", 1, MSG_OOB), 1);
        put(tcp.write, "behind\n");
    });
    EXPECT_EQ(run(), 0);
    close(tcp.write);
}

// Over TCP a short read spares the next one, but not where the end came along.
TEST_F(Faulty, shouldSeeTheEndThatComesWithTheLastLine)
{
    Ends tcp = make_tcp();
    spawn([&] {
        strand_stream *in = open_stream(tcp.read);
        EXPECT_EQ(line_of(in), "first\n");
        order += '1';
        EXPECT_EQ(lines_of(in), Lines{"last"});
        EXPECT_EQ(put_line(in, "still"), 0) << "the other half is open";
        strand_close(in);
    });
    spawn([&] {
        put(tcp.write, "first\n");
        while (order.empty())
            strand_sleep(1);
        put(tcp.write, "last");
        shutdown(tcp.write, SHUT_WR);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(read_all(tcp.write), "still\n");
    close(tcp.write);
}

// A read also stops behind a message that carries descriptors.
TEST_F(Faulty, shouldReadOnBehindAMessageThatPassesADescriptor)
{
    Ends sockets = make_sockets();
    spawn([&] {
        strand_stream *in = open_stream(sockets.read);
        EXPECT_EQ(line_of(in), "first\n");
        order += '1';
        EXPECT_EQ(line_of(in), "with a descriptor\n");
        EXPECT_EQ(line_of(in), "behind\n");
        strand_close(in);
    });
    spawn([&] {
        put(sockets.write, "first\n");
        while (order.empty())
            strand_sleep(1);
        char text[] = "with a descriptor\n";
        iovec part = {text, sizeof text - 1};
        alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = space;
        message.msg_controllen = sizeof space;
        cmsghdr *passed = CMSG_FIRSTHDR(&message);
        passed->cmsg_level = SOL_SOCKET;
        passed->cmsg_type = SCM_RIGHTS;
        passed->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(passed), &sockets.write, sizeof(int));
        EXPECT_GT(sendmsg(sockets.write, &message, 0), 0);
        put(sockets.write, "behind\n");
    });
    EXPECT_EQ(run(), 0);
    close(sockets.write);
}

TEST_F(Faulty, shouldReportATcpResetOnceToReaderAndWriter)
{
    Ends tcp = make_tcp();
    strand_stream *stream = nullptr;
    spawn([&] {
        stream = open_stream(tcp.read);
        EXPECT_EQ(line_of(stream), "-ECONNRESET");
        EXPECT_EQ(line_of(stream), "") << "once";
        EXPECT_EQ(put_line(stream, "x"), 0);
        EXPECT_EQ(strand_flush(stream), -EPIPE);
        EXPECT_EQ(strand_close(stream), 0);
    });
    spawn([&] {
        linger at_once = {1, 0};
        EXPECT_EQ(setsockopt(tcp.write, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        close(tcp.write);
    });
    EXPECT_EQ(run(), 0);
}

// Whatever the loop does not take (a device it does not know, too many watches) is asked again
// after a pause, also when every strand is parked and nobody flushes.
TEST_F(Faulty, shouldSendAcceptedOutputThatCannotBeWatched)
{
    if (!is_epoll())
        GTEST_SKIP() << "it is epoll's call that refuses";
    for (int error : {EPERM, ENOSPC, ENOMEM}) {
        Ends pipe = make_pipe();
        fill(pipe.write);
        strand_id writer = spawn([&] {
            strand_stream *out = open_stream(pipe.write);
            faulty.unwatchable_error = error;
            EXPECT_EQ(put_line(out, "accepted"), 0);
            EXPECT_EQ(strand_park("nothing more to do", STRAND_FOREVER), 0);
            EXPECT_EQ(strand_close(out), 0);
        });
        std::string all;
        std::thread reader([&] {
            while (stats().polls < 5)      // some pauses long: nothing else makes it poll
                std::this_thread::yield();
            EXPECT_EQ(stats().switches, 1u);
            std::string bytes(100000, ' ');
            while (all.empty() || all.back() != '\n') {
                ssize_t count = read(pipe.read, bytes.data(), bytes.size());
                all.append(bytes.data(), count > 0 ? static_cast<size_t>(count) : 0);
            }
            strand_wake(writer);
        });
        EXPECT_EQ(run(), 0);
        reader.join();
        EXPECT_EQ(all.substr(all.size() - 9), "accepted\n");
        close(pipe.read);
        TearDown();
        SetUp();
    }
}

TEST_F(Faulty, shouldWaitForRoomAndForInputThatCannotBeWatched)
{
    if (!is_epoll())
        GTEST_SKIP() << "it is epoll's call that refuses";
    Ends there = make_pipe(), back = make_pipe();
    faulty.unwatchable_error = EPERM;
    spawn([&] {
        strand_stream *out = open_stream(there.write);
        for (int i = 0; i < 40; i++)
            EXPECT_EQ(put_line(out, std::string(9999, 'x')), 0);
        EXPECT_EQ(strand_flush(out), 0);
        order += 'F';
        EXPECT_EQ(strand_close(out), 0);
    });
    spawn([&] {
        strand_stream *in = open_stream(back.read);
        strand_set_deadline(in, strand_now_ns() + 20 * MS);
        uint64_t polls = stats().polls;
        EXPECT_EQ(line_of(in), "-ETIMEDOUT");
        EXPECT_LT(stats().polls - polls, 30u) << "it pauses, it does not spin";
        strand_close(in);
        in = open_stream(there.read);
        EXPECT_EQ(lines_of(in), Lines(40, std::string(9999, 'x') + "\n"));
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "F");
    close(back.write);
}

// As on a machine so busy that the pause is over before it is looked at.
TEST_F(Faulty, shouldTakeAPauseThatIsOverAtOnceForNoEndOfInput)
{
    if (!is_epoll())
        GTEST_SKIP() << "it is epoll's call that refuses";
    Ends pipe = make_pipe();
    faulty.unwatchable_error = EPERM;
    faulty.hurry_ns = 20 * MS;
    spawn([&] {
        strand_stream *in = open_stream(pipe.read);
        EXPECT_EQ(lines_of(in), Lines{"late\n"});
        strand_close(in);
    });
    spawn([&] {
        strand_yield();
        EXPECT_EQ(write(pipe.write, "late\n", 5), 5);
        close(pipe.write);
    });
    EXPECT_EQ(run(), 0);
}

} // namespace
