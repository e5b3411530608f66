// SPDX-License-Identifier: Apache-2.0
// What many, fast, slow and endless peers cost: memory by the allocator's own count, turns by the
// lines read in them, the carrier by its CPU time.
#include "counted_memory.h"
#include "stream_fixture.h"

#include <ctime>
#include <thread>

namespace {

constexpr size_t KIB = 1024;

class Overload : public StreamTest {
protected:
    void SetUp() override
    {
        StreamTest::SetUp();
        faithful = counts_memory;
        warm_up();
    }

    // What a scheduler allocates once, for its first strands, streams and timers.
    void warm_up()
    {
        for (int i = 0; i < 200; i++)
            spawn([&] {
                Ends pipe = make_pipe();
                strand_stream *in = open_stream(pipe.read), *out = open_stream(pipe.write);
                put_line(out, "warm");
                EXPECT_EQ(line_of(in), "warm\n");
                strand_sleep(1);
                strand_close(in);
                strand_close(out);
            });
        EXPECT_EQ(run(), 0);
        warm = stats();
    }

    bool faithful;   // the counts say something
    struct strand_scheduler_stats warm{};
};

class Idle : public Overload {
protected:
    // Or what the limit on descriptors lets be, and ThreadSanitizer, which knows some 8,000 stacks.
    int connections = sanitized ? 1000 : 10000;

    struct Connection {
        strand_stream *stream;
        int peer;
        int *answered;
        bool elsewhere;      // waits elsewhere after its line
    };

    static void serve(void *argument)
    {
        auto *connection = static_cast<Connection *>(argument);
        strand_line line{};
        line.size = sizeof line;
        while (strand_read_line(connection->stream, &line) == 1) {
            strand_write_line(connection->stream, line.text, line.length);
            ++*connection->answered;
            if (!connection->elsewhere)
                continue;
            strand_line_release(connection->stream);
            if (strand_park("busy with its line", STRAND_FOREVER) < 0)
                break;
        }
        strand_close(connection->stream);
    }

    // Each answers one line; `rest` is a part of the next.
    void hold(const std::string &rest, size_t most_each, bool elsewhere = false)
    {
        if (emulated())
            GTEST_SKIP() << "the emulator has no such number of descriptors";
        allow_descriptors(20100);
        rlimit limit{};
        getrlimit(RLIMIT_NOFILE, &limit);
        connections = std::min(connections, static_cast<int>(limit.rlim_cur / 2) - 50);
        std::vector<Connection> all(static_cast<size_t>(connections));
        int answered = 0;
        spawn([&] {
            std::vector<strand_id> ids;
            ids.reserve(all.size());
            size_t before = counted.live;
            for (Connection &connection : all) {
                Ends sockets = make_sockets();
                ASSERT_EQ(strand_stream_open(sockets.read, nullptr, &connection.stream), 0);
                connection.peer = sockets.write;
                connection.answered = &answered;
                connection.elsewhere = elsewhere;
                ids.push_back(0);
                ASSERT_EQ(strand_spawn(nullptr, serve, &connection, &ids.back()), 0);
            }
            for (Connection &connection : all)
                put(connection.peer, "a line\n" + rest);
            while (answered < connections)
                strand_sleep(MS);
            for (int i = 0; i < 3; i++)      // they read the rest, and park
                strand_sleep(MS);
            if (faithful) {
                EXPECT_LT((counted.live - before) / all.size(), most_each);
            }
            for (Connection &connection : all)
                close(connection.peer);
            for (strand_id id : ids)
                strand_wake(id);
        });
        EXPECT_EQ(run(), 0);
        EXPECT_GE(answered, connections);
    }
};

TEST_F(Idle, shouldCostLessThanAKibibyteEach) { hold("", KIB); }
TEST_F(Idle, shouldCostLittleMoreInTheMiddleOfALine) { hold(std::string(100, 'x'), KIB + 200); }

TEST_F(Idle, shouldCostNoMoreWhileTheStrandWaitsElsewhereWithoutItsLine) { hold("", KIB, true); }

TEST_F(Overload, shouldAllocateNothingForALine)
{
    Ends there = make_sockets(), back = make_sockets();
    constexpr int lines = 100000, in_flight = 20;
    spawn([&] {
        strand_stream *in = open_stream(there.read), *out = open_stream(back.write);
        strand_line line{};
        line.size = sizeof line;
        while (strand_read_line(in, &line) == 1)
            EXPECT_EQ(strand_write_line(out, line.text, line.length), 0);
        strand_close(in);
        strand_close(out);
    });
    spawn([&] {
        strand_stream *out = open_stream(there.write), *in = open_stream(back.read);
        strand_line line{};
        line.size = sizeof line;
        size_t before = 0;
        for (int i = 0; i < lines; i += in_flight) {
            if (i == 1000)
                before = counted.calls;
            for (int k = 0; k < in_flight; k++)
                EXPECT_EQ(strand_write_line(out, "0123456789", 10), 0);
            for (int k = 0; k < in_flight; k++)
                EXPECT_EQ(strand_read_line(in, &line), 1);
        }
        if (faithful) {
            EXPECT_EQ(counted.calls - before, 0u);
        }
        strand_close(out);
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(stats().lines_in - warm.lines_in, 2u * lines);
}

// The lines of one read stand in one buffer, and so do those of the next.
TEST_F(Overload, shouldGiveLinesWhereTheyWereRead)
{
    Ends pipe = make_pipe();
    put(pipe.write, "one\ntwo\r\nthree\n");
    spawn([&] {
        strand_stream *in = open_stream(pipe.read);
        strand_line first{}, next{};
        first.size = next.size = sizeof first;
        EXPECT_EQ(strand_read_line(in, &first), 1);
        EXPECT_EQ(strand_read_line(in, &next), 1);
        EXPECT_EQ(next.text, first.text + 4);
        EXPECT_EQ(strand_read_line(in, &next), 1);
        EXPECT_EQ(next.text, first.text + 9);
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    close(pipe.write);
}

TEST_F(Overload, shouldHoldBoundedMemoryForReadersThatDoNotRead)
{
    constexpr int peers = 100;
    std::vector<Ends> all;
    std::vector<strand_id> writers;
    size_t before = counted.live;
    for (int i = 0; i < peers; i++) {
        Ends sockets = make_sockets();
        all.push_back(sockets);
        writers.push_back(spawn([this, sockets] {
            strand_stream *out = open_stream(sockets.write);
            char text[1000] = {};
            int status = 0;
            for (int line = 0; line < 100000 && status == 0; line++)
                status = strand_write_line(out, text, sizeof text);
            EXPECT_EQ(status, -ECANCELED);
            strand_set_deadline(out, 0);
            EXPECT_EQ(strand_close(out), -ETIMEDOUT);
        }));
    }
    spawn([&] {
        for (int i = 0; i < 5; i++)
            strand_sleep(MS);
        EXPECT_EQ(stats().parked, static_cast<uint64_t>(peers)) << "every writer";
        if (faithful) {
            EXPECT_LT((counted.live - before) / peers, 70 * KIB);
        }
        for (strand_id writer : writers)
            strand_cancel(writer);
    });
    EXPECT_EQ(run(), 0);
    for (Ends ends : all)
        close(ends.read);
}

TEST_F(Overload, shouldPassAGibibyteWithoutNewlineInBoundedMemory)
{
    size_t gibibyte = sanitized || emulated() ? 16 * KIB * KIB : KIB * KIB * KIB;
    Ends sockets = make_sockets();
    std::thread writer([&] {
        std::string part(64 * KIB, 'x');
        put(sockets.write, "before\n");
        for (size_t sent = 0; sent < gibibyte; sent += part.size())
            put(sockets.write, part);
        put(sockets.write, "\nafter\n");
        close(sockets.write);
    });
    size_t before = counted.live;
    counted.most = before;
    spawn([&] {
        strand_stream *in = open_stream(sockets.read);
        EXPECT_EQ(lines_of(in), (Lines{"before\n", "-E2BIG"}));
        EXPECT_EQ(lines_of(in), Lines{"after\n"});
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    writer.join();
    EXPECT_EQ(stats().overlong_lines, 1u);
    EXPECT_EQ(stats().bytes_in - warm.bytes_in, gibibyte + 14);
    if (faithful) {
        EXPECT_LT(counted.most - before, 3 * KIB * KIB) << "two buffers, while it grows";
    }
}

// One connection has a million lines waiting, which need no descriptor; others have one.
class Flood : public Overload {
protected:
    static constexpr int lines = 1000000;
    static constexpr int share = 1024;      // STRAND_LINES_SHARE

    // Reads them with `read_one` while another strand has its turns, and a third waits for a pipe.
    void flood(std::function<void(strand_stream *)> read_one)
    {
        int file = make_file(std::string(lines, '\n'));
        Ends pipe = make_pipe();
        int read = 0, at_last_turn = 0, most = 0, sent_at = 0, came_at = 0;
        spawn([&] {
            do {
                strand_yield();
                most = std::max(most, read - at_last_turn);
                at_last_turn = read;
            } while (read < 20 * share);
            sent_at = read;      // nobody else is ready now, but for the flooded
            put(pipe.write, "hello\n");
            close(pipe.write);
        });
        spawn([&] {
            strand_stream *in = open_stream(file);
            for (; read < lines; read++)
                read_one(in);
            strand_close(in);
        });
        spawn([&] {
            strand_stream *in = open_stream(pipe.read);
            EXPECT_EQ(line_of(in), "hello\n");
            came_at = read;
            strand_close(in);
        });
        EXPECT_EQ(run(), 0);
        EXPECT_EQ(read, lines);
        EXPECT_LE(most, share + 1) << "to one that is ready";
        EXPECT_LE(came_at - sent_at, 3 * share) << "to one that waits for a descriptor";
    }
};

TEST_F(Flood, shouldLeaveOthersTheirTurnBetweenLines)
{
    flood([](strand_stream *in) { ASSERT_EQ(line_of(in), "\n"); });
}

TEST_F(Flood, shouldLeaveOthersTheirTurnBetweenRawReads)
{
    flood([](strand_stream *in) {
        char byte = 0;
        ASSERT_EQ(strand_read(in, &byte, 1), 1);
        ASSERT_EQ(byte, '\n');
    });
}

TEST_F(Flood, shouldNotCutOffLinesThatHaveComeWhenCancelled)
{
    Ends pipe = make_pipe();
    put(pipe.write, std::string(3 * share, '\n'));
    spawn([&] {
        strand_stream *in = open_stream(pipe.read);
        strand_cancel(strand_self());
        for (int i = 0; i < 3 * share; i++)
            ASSERT_EQ(line_of(in), "\n");
        EXPECT_EQ(line_of(in), "-ECANCELED");
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    close(pipe.write);
}

int64_t cpu_ns()
{
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

// Fifty clients wait, and no descriptor is left to accept them with: for 15 tries, a second or so.
TEST_F(Overload, shouldTakeHardlyAnyCpuWithoutDescriptorsAndRecover)
{
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    spawn([&] {
        char name[64];
        strand_listener *listener = nullptr;
        ASSERT_EQ(strand_listen("127.0.0.1:0", 0, &listener), 0);
        ASSERT_EQ(strand_listener_address(listener, name, sizeof name), 0);
        std::vector<strand_stream *> streams(100);
        for (int i = 0; i < 50; i++)
            ASSERT_EQ(strand_connect(name, STRAND_FOREVER, &streams[i]), 0);
        int free = dup(0);
        close(free);
        rlimit none = {static_cast<rlim_t>(free), before.rlim_max};
        ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
        strand_id acceptor = spawn([&] {
            for (int i = 50; i < 100; i++)
                ASSERT_EQ(strand_accept(listener, STRAND_FOREVER, &streams[i]), 0);
        });
        int64_t cpu = cpu_ns(), clock = strand_now_ns();
        uint64_t polls = stats().polls;
        while (stats().accept_backoffs < 15)
            strand_sleep(100 * MS);
        cpu = cpu_ns() - cpu;
        clock = strand_now_ns() - clock;
        EXPECT_LT(cpu, clock / 20) << "of the CPU, in ns";
        EXPECT_LT(stats().polls - polls, 60u);
        EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
        EXPECT_EQ(strand_join(acceptor, strand_now_ns() + 10000 * MS, nullptr), 0);
        for (strand_stream *stream : streams)
            strand_close(stream);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
}

} // namespace
