// SPDX-License-Identifier: Apache-2.0
// Every call that parks, held to the same promises: a past deadline tries once, a coming one ends
// it, a cancel ends it once, a close from another strand ends it, and none of them spins.
#include "stream_fixture.h"

#include <poll.h>

#include <algorithm>
#include <iterator>

namespace {

// What a call needs, and the call itself, made by a strand that must wait in it.
struct Place {
    Ends ends{-1, -1};
    strand_stream *stream = nullptr;
    strand_listener *listener = nullptr;
    std::string address;
    strand_id other = 0;
    std::vector<strand_stream *> more;
};

struct Call {
    const char *name;
    void (*prepare)(Place &place);
    int (*call)(Place &place, int64_t deadline_ns);
    void (*enable)(Place &place);     // from another strand: the call can proceed
    void (*close)(Place &place);      // from another strand; null where there is nothing to close
    bool knows_deadlines = true;
};

std::ostream &operator<<(std::ostream &out, const Call &call) { return out << call.name; }

strand_stream *stream_on(int fd)
{
    strand_stream *stream = nullptr;
    EXPECT_EQ(strand_stream_open(fd, nullptr, &stream), 0);
    return stream;
}

void make_input(Place &place)
{
    place.ends = make_pipe();
    place.stream = stream_on(place.ends.read);
}

void make_full_output(Place &place)
{
    Ends sockets = make_sockets();
    place.ends = {sockets.write, sockets.read};      // the test reads at `write`
    place.stream = stream_on(sockets.write);
    strand_set_deadline(place.stream, 0);
    std::string text(10000, '.');
    while (strand_write_line(place.stream, text.data(), text.size()) == 0)
        continue;
}

void drain(Place &place)
{
    std::string bytes(1000000, ' ');
    while (recv(place.ends.write, bytes.data(), bytes.size(), MSG_DONTWAIT) > 0)
        continue;
}

void close_stream(Place &place)
{
    strand_set_deadline(place.stream, 0);      // what it accepted need not go out
    strand_close(place.stream);
    place.stream = nullptr;
}

void make_listener(Place &place)
{
    char text[128];
    ASSERT_EQ(strand_listen("127.0.0.1:0", 0, &place.listener), 0);
    ASSERT_EQ(strand_listener_address(place.listener, text, sizeof text), 0);
    place.address = text;
}

// A unix socket whose queue is full.
void make_full_listener(Place &place)
{
    static int number;
    place.address = "unix:/tmp/strand-parking-" + std::to_string(getpid()) + "-" +
                    std::to_string(number++);
    ASSERT_EQ(strand_listen(place.address.c_str(), 1, &place.listener), 0);
    strand_stream *stream;
    while (strand_connect(place.address.c_str(), 0, &stream) == 0)
        place.more.push_back(stream);
}

int read_line(Place &place, int64_t deadline_ns)
{
    strand_line line{};
    line.size = sizeof line;
    strand_set_deadline(place.stream, deadline_ns);
    int status = strand_read_line(place.stream, &line);
    return status == 1 ? 0 : status;
}

int read_raw(Place &place, int64_t deadline_ns)
{
    char byte;
    strand_set_deadline(place.stream, deadline_ns);
    ssize_t count = strand_read(place.stream, &byte, 1);
    return count == 1 ? 0 : static_cast<int>(count);
}

int write_line(Place &place, int64_t deadline_ns)
{
    std::string text(10000, 'x');
    strand_set_deadline(place.stream, deadline_ns);
    return strand_write_line(place.stream, text.data(), text.size());
}

int write_raw(Place &place, int64_t deadline_ns)
{
    std::string text(10000, 'x');
    strand_set_deadline(place.stream, deadline_ns);
    ssize_t count = strand_write(place.stream, text.data(), text.size());
    return count == static_cast<ssize_t>(text.size()) ? 0 : static_cast<int>(count);
}

int flush(Place &place, int64_t deadline_ns)
{
    strand_set_deadline(place.stream, deadline_ns);
    return strand_flush(place.stream);
}

int shutdown_write(Place &place, int64_t deadline_ns)
{
    strand_set_deadline(place.stream, deadline_ns);
    return strand_shutdown_write(place.stream);
}

int accept_one(Place &place, int64_t deadline_ns)
{
    strand_stream *stream = nullptr;
    int status = strand_accept(place.listener, deadline_ns, &stream);
    if (status == 0)
        place.more.push_back(stream);
    return status;
}

int connect_one(Place &place, int64_t deadline_ns)
{
    strand_stream *stream = nullptr;
    int status = strand_connect(place.address.c_str(), deadline_ns, &stream);
    if (status == 0)
        place.more.push_back(stream);
    return status;
}

int wait_fd(Place &place, int64_t deadline_ns)
{
    int status = strand_wait_fd(place.ends.read, POLLIN, deadline_ns);
    return status == POLLIN ? 0 : status;
}

int join(Place &place, int64_t deadline_ns)
{
    return strand_join(place.other, deadline_ns, nullptr);
}

int park(Place &, int64_t deadline_ns) { return strand_park("test", deadline_ns); }
int sleep_until(Place &, int64_t deadline_ns) { return strand_sleep_until(deadline_ns); }

void type_a_line(Place &place) { put(place.ends.write, "line\n"); }
void connect_to_it(Place &place) { EXPECT_EQ(connect_one(place, STRAND_FOREVER), 0); }
void accept_all(Place &place)
{
    while (accept_one(place, 0) == 0)
        continue;
}

const Call calls[] = {
    {"read_line", make_input, read_line, type_a_line, close_stream},
    {"read", make_input, read_raw, type_a_line, close_stream},
    {"write_line", make_full_output, write_line, drain, close_stream},
    {"write", make_full_output, write_raw, drain, close_stream},
    {"flush", make_full_output, flush, drain, close_stream},
    {"shutdown_write", make_full_output, shutdown_write, drain, close_stream},
    {"accept", make_listener, accept_one, connect_to_it,
     [](Place &place) { strand_listener_close(place.listener), place.listener = nullptr; }},
    {"connect", make_full_listener, connect_one, accept_all, nullptr},
    {"wait_fd", [](Place &place) { place.ends = make_pipe(); }, wait_fd, type_a_line, nullptr},
    {"join",
     [](Place &place) {
         strand_spawn(nullptr, [](void *) { strand_park("joined", STRAND_FOREVER); }, nullptr,
                      &place.other);
     },
     join, [](Place &place) { strand_wake(place.other); }, nullptr},
    {"park", [](Place &place) { place.other = strand_self(); }, park,
     [](Place &place) { strand_wake(place.other); }, nullptr},
    {"sleep_until", [](Place &) {}, sleep_until, nullptr, nullptr, false},
};

class Parking : public StreamTest, public testing::WithParamInterface<Call> {
protected:
    // The call in a strand of its own, which `act` meets from another once it is parked.
    void meet(int64_t deadline_ns, std::function<void(Place &, strand_id)> act, int expected)
    {
        Place place;
        int status = 1;
        spawn([&] {
            GetParam().prepare(place);
            strand_id caller = strand_self();
            strand_id actor = spawn([&, caller] {
                EXPECT_EQ(status, 1) << "it did not wait";
                act(place, caller);
            });
            status = GetParam().call(place, deadline_ns);
            EXPECT_EQ(status, expected) << GetParam();
            strand_join(actor, STRAND_FOREVER, nullptr);
            clean(place);
        });
        EXPECT_EQ(run(), 0);
        EXPECT_EQ(status, expected) << GetParam();
    }

    // `body` in a strand, with a place prepared and cleaned.
    void at_place(std::function<void(Place &)> body)
    {
        spawn([&] {
            Place place;
            GetParam().prepare(place);
            body(place);
            clean(place);
        });
        EXPECT_EQ(run(), 0);
    }

    static void clean(Place &place)
    {
        bool closed = closes() && !place.stream && place.ends.read >= 0;
        if (place.other)
            strand_wake(place.other);
        if (place.stream)
            close_stream(place);
        else if (place.ends.read >= 0 && !closed)
            close(place.ends.read);
        if (place.ends.write >= 0)
            close(place.ends.write);
        for (strand_stream *stream : place.more)
            strand_close(stream);
        if (place.listener)
            strand_listener_close(place.listener);
    }

    static bool closes() { return GetParam().close != nullptr; }

    // What the call gives when its time is over.
    static int in_time() { return GetParam().knows_deadlines ? -ETIMEDOUT : 0; }
};

class ParkingUntilItCan : public Parking {};
class ParkingUntilClosed : public Parking {};

std::vector<Call> calls_with(void (*Call::*part)(Place &))
{
    std::vector<Call> some;
    std::copy_if(std::begin(calls), std::end(calls), std::back_inserter(some),
                 [part](const Call &call) { return call.*part != nullptr; });
    return some;
}

std::string name_of(const testing::TestParamInfo<Call> &tested)
{
    std::string name = tested.param.name;
    name.erase(std::remove(name.begin(), name.end(), '_'), name.end());
    return name;
}

INSTANTIATE_TEST_SUITE_P(Calls, Parking, testing::ValuesIn(calls), name_of);
INSTANTIATE_TEST_SUITE_P(Calls, ParkingUntilItCan, testing::ValuesIn(calls_with(&Call::enable)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Calls, ParkingUntilClosed, testing::ValuesIn(calls_with(&Call::close)),
                         name_of);

// Zero, the past, the least there is: asked once, and no wait, no turn of the loop.
TEST_P(Parking, shouldTryOnceWithoutAWaitWhenTheDeadlineIsPast)
{
    at_place([&](Place &place) {
        for (int64_t deadline_ns : {INT64_C(0), INT64_C(-1), INT64_MIN, strand_now_ns() - 1}) {
            uint64_t polls = stats().polls;
            EXPECT_EQ(GetParam().call(place, deadline_ns), in_time());
            EXPECT_LE(stats().polls - polls, 1u) << "a sleep yields";
        }
        if (!GetParam().enable)
            return;
        GetParam().enable(place);
        strand_sleep(1);
        EXPECT_EQ(GetParam().call(place, 0), 0) << "it tries";
    });
}

TEST_P(Parking, shouldEndAtItsDeadlineWithoutSpinning)
{
    at_place([&](Place &place) {
        int64_t deadline_ns = strand_now_ns() + 30 * MS;
        uint64_t polls = stats().polls;
        EXPECT_EQ(GetParam().call(place, deadline_ns), in_time());
        EXPECT_GE(strand_now_ns(), deadline_ns);
        EXPECT_LT(stats().polls - polls, 16u);
    });
}

TEST_P(Parking, shouldBeCancelledWhileItWaits)
{
    for (int64_t deadline_ns : {STRAND_FOREVER, STRAND_FOREVER - 1})
        meet(deadline_ns,
             [](Place &, strand_id caller) { EXPECT_EQ(strand_cancel(caller), 0); }, -ECANCELED);
}

TEST_P(Parking, shouldMeetACancelThatCameBeforeOnce)
{
    at_place([&](Place &place) {
        strand_cancel(strand_self());
        EXPECT_EQ(GetParam().call(place, STRAND_FOREVER), -ECANCELED);
        EXPECT_EQ(GetParam().call(place, strand_now_ns() + MS), in_time());
    });
}

TEST_P(ParkingUntilItCan, shouldGoOnEvenWithAHugeDeadline)
{
    for (int64_t deadline_ns : {STRAND_FOREVER, STRAND_FOREVER - 1})
        meet(deadline_ns, [](Place &place, strand_id) { GetParam().enable(place); }, 0);
}

TEST_P(ParkingUntilClosed, shouldGiveEbadfWhenAnotherStrandCloses)
{
    meet(STRAND_FOREVER, [](Place &place, strand_id) { GetParam().close(place); }, -EBADF);
}

} // namespace
