// SPDX-License-Identifier: Apache-2.0
// Every call of the public header with what it cannot take: outside a strand, with nothing where
// something is needed, with what belongs to another scheduler.
#include "stream_fixture.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace {

class Arguments : public StreamTest {
protected:
    void TearDown() override
    {
        StreamTest::TearDown();
        close(ends.write);
        if (ends.read >= 0)
            close(ends.read);
    }

    Ends ends = make_sockets();      // one of a stream that most tests open
};

struct Attempt {
    const char *name;
    std::function<long()> make;
};

void expect_all(const std::vector<Attempt> &attempts, int error)
{
    for (const Attempt &attempt : attempts)
        EXPECT_EQ(attempt.make(), -error) << attempt.name;
}

TEST_F(Arguments, shouldRefuseCallsOfAStrandOutsideOne)
{
    static strand_stream *some;
    static strand_listener *listener;
    spawn([&] {
        some = open_stream(std::exchange(ends.read, -1));
        EXPECT_EQ(strand_listen("127.0.0.1:0", 0, &listener), 0);
    });
    EXPECT_EQ(run(), 0);
    static char text[64];
    static strand_line line{};
    static strand_stream *stream;
    line.size = sizeof line;
    auto nothing = [](void *) {};
    expect_all({
        {"open", [] { return strand_stream_open(0, nullptr, &stream); }},
        {"read_line", [] { return strand_read_line(some, &line); }},
        {"line_release", [] { return strand_line_release(some); }},
        {"read", [] { return strand_read(some, text, 1); }},
        {"write", [] { return strand_write(some, text, 1); }},
        {"write_line", [] { return strand_write_line(some, text, 1); }},
        {"print", [] { return strand_print(text, 1); }},
        {"println", [] { return strand_println(text, 1); }},
        {"flush", [] { return strand_flush(some); }},
        {"shutdown_write", [] { return strand_shutdown_write(some); }},
        {"close", [] { return strand_close(some); }},
        {"set_deadline", [] { return strand_set_deadline(some, 0); }},
        {"set_max_line", [] { return strand_set_max_line(some, 0); }},
        {"listen", [] { return strand_listen("127.0.0.1:0", 0, &listener); }},
        {"listener_address", [] { return strand_listener_address(listener, text, sizeof text); }},
        {"accept", [] { return strand_accept(listener, 0, &stream); }},
        {"listener_close", [] { return strand_listener_close(listener); }},
        {"connect", [] { return strand_connect("127.0.0.1:1", 0, &stream); }},
        {"join", [] { return strand_join(1, 0, nullptr); }},
        {"sleep", [] { return strand_sleep(1); }},
        {"sleep_until", [] { return strand_sleep_until(1); }},
        {"park", [] { return strand_park("test", 0); }},
        {"defer", [&] { return strand_defer(nothing, nullptr); }},
        {"set_local", [] { return strand_set_local(0, text); }},
        {"wait_fd", [] { return strand_wait_fd(0, POLLIN, 0); }},
        {"call_on_carrier", [&] { return strand_call_on_carrier(nothing, nullptr); }},
        {"spawn", [&] { return strand_spawn(nullptr, nothing, nullptr, nullptr); }},
        {"run", [] { return strand_scheduler_run(nullptr); }},
        {"stop", [] { return strand_scheduler_stop(nullptr); }},
        {"call", [&] { return strand_call(1, nothing, nullptr); }},
    }, EPERM);
    EXPECT_EQ(strand_stdin(), nullptr);
    EXPECT_EQ(strand_stdout(), nullptr);
    strand_scheduler_dump(nullptr, 1);      // nothing, and no harm
    strand_yield();
}

TEST_F(Arguments, shouldRefuseNothingWhereSomethingIsNeeded)
{
    spawn([this] {
        static char text[64];
        static strand_line line{};
        static strand_stream *stream;
        static strand_listener *listener;
        line.size = sizeof line;
        stream = open_stream(std::exchange(ends.read, -1));
        EXPECT_EQ(strand_listen("127.0.0.1:0", 0, &listener), 0);
        expect_all({
            {"open", [] { return strand_stream_open(0, nullptr, nullptr); }},
            {"read_line", [] { return strand_read_line(nullptr, &line); }},
            {"read_line into", [] { return strand_read_line(stream, nullptr); }},
            {"line_release", [] { return strand_line_release(nullptr); }},
            {"read", [] { return strand_read(nullptr, text, 1); }},
            {"read into", [] { return strand_read(stream, nullptr, 1); }},
            {"write", [] { return strand_write(nullptr, text, 1); }},
            {"write from", [] { return strand_write(stream, nullptr, 1); }},
            {"write too much", [] { return strand_write(stream, text, SIZE_MAX); }},
            {"flush", [] { return strand_flush(nullptr); }},
            {"shutdown_write", [] { return strand_shutdown_write(nullptr); }},
            {"close", [] { return strand_close(nullptr); }},
            {"set_deadline", [] { return strand_set_deadline(nullptr, 0); }},
            {"set_max_line", [] { return strand_set_max_line(nullptr, 0); }},
            {"listen", [] { return strand_listen("127.0.0.1:0", 0, nullptr); }},
            {"listen at", [] { return strand_listen(nullptr, 0, &listener); }},
            {"listener_address", [] { return strand_listener_address(nullptr, text, 1); }},
            {"listener_address to", [] { return strand_listener_address(listener, nullptr, 1); }},
            {"accept", [] { return strand_accept(nullptr, 0, &stream); }},
            {"accept to", [] { return strand_accept(listener, 0, nullptr); }},
            {"listener_close", [] { return strand_listener_close(nullptr); }},
            {"connect", [] { return strand_connect("127.0.0.1:1", 0, nullptr); }},
            {"connect to", [] { return strand_connect(nullptr, 0, &stream); }},
            {"defer", [] { return strand_defer(nullptr, text); }},
            {"key_create", [] { return strand_key_create(nullptr, nullptr); }},
            {"set_local", [] { return strand_set_local(UINT32_MAX, text); }},
            {"call_on_carrier", [] { return strand_call_on_carrier(nullptr, text); }},
            {"call", [] { return strand_call(1, nullptr, text); }},
            {"stats", [] { return strand_scheduler_stats(nullptr, nullptr); }},
            {"wait_fd", [] { return strand_wait_fd(0, 0, 0); }},
        }, EINVAL);
        EXPECT_EQ(strand_read(stream, nullptr, 0), 0);
        strand_close(stream);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Arguments, shouldRefuseWhatBelongsToAnotherScheduler)
{
    static strand_stream *stream, *got;
    static strand_listener *listener;
    static char text[64];
    static strand_line line{};
    line.size = sizeof line;
    spawn([&] {
        stream = open_stream(std::exchange(ends.read, -1));
        EXPECT_EQ(strand_listen("127.0.0.1:0", 0, &listener), 0);
    });
    EXPECT_EQ(run(), 0);
    strand_scheduler *other = nullptr;
    ASSERT_EQ(strand_scheduler_init(nullptr, &other), 0);
    spawn_on(other, [] {
        expect_all({
            {"read_line", [] { return strand_read_line(stream, &line); }},
            {"read", [] { return strand_read(stream, text, 1); }},
            {"write_line", [] { return strand_write_line(stream, text, 1); }},
            {"flush", [] { return strand_flush(stream); }},
            {"shutdown_write", [] { return strand_shutdown_write(stream); }},
            {"close", [] { return strand_close(stream); }},
            {"accept", [] { return strand_accept(listener, 0, &got); }},
            {"listener_close", [] { return strand_listener_close(listener); }},
        }, EPERM);
    });
    EXPECT_EQ(strand_scheduler_run(other), 0);
    EXPECT_EQ(strand_scheduler_shutdown(other), 0);
}

TEST_F(Arguments, shouldRefuseWhatIsClosed)
{
    spawn([this] {
        static strand_listener *listener;
        static strand_stream *stream;
        char text[64];
        bool waits = true;
        ASSERT_EQ(strand_listen("127.0.0.1:0", 0, &listener), 0);
        strand_id acceptor = spawn([&] {
            EXPECT_EQ(strand_accept(listener, STRAND_FOREVER, &stream), -EBADF);
            waits = false;
        });
        strand_yield();
        EXPECT_EQ(strand_listener_close(listener), 0);
        EXPECT_TRUE(waits) << "and so it is still there";
        EXPECT_EQ(strand_listener_address(listener, text, sizeof text), -EBADF);
        EXPECT_EQ(strand_listener_close(listener), 0) << "again";
        strand_join(acceptor, STRAND_FOREVER, nullptr);
    });
    EXPECT_EQ(run(), 0);
}

// ---- Dumps --------------------------------------------------------------------------------------

TEST_F(Arguments, shouldDumpEveryStateAndCutWhatIsTooLong)
{
    static const std::string reason(400, 'r');
    Ends pipe = make_pipe();
    strand_id parked = spawn([] { strand_park(reason.c_str(), STRAND_FOREVER); }, "named");
    spawn([&] {
        spawn([] {}, "ready");
        strand_scheduler_dump(scheduler, pipe.write);
        strand_scheduler_dump(scheduler, -1);      // nobody reads it
        strand_wake(parked);
    }, "a name of far more than thirty-one bytes");
    EXPECT_EQ(run(), 0);
    close(pipe.write);
    std::string told = read_all(pipe.read);
    close(pipe.read);
    for (const char *part : {"\"named\" native parked: rrr", "\"a name of far more than thirty-\"",
                             "\"ready\" native ready", "running"})
        EXPECT_NE(told.find(part), std::string::npos) << part << " in " << told;
    EXPECT_EQ(told.find(std::string(300, 'r')), std::string::npos) << told;
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 4) << told;
}

} // namespace
