// SPDX-License-Identifier: Apache-2.0
// Streams against what their two ends must see. Three readers and three writers share a connection, and
// take the next byte for what each does; wherever the scheduler looks outside, the peer takes the next: it
// writes, reads, shuts its half or goes away. The clock is the harness's, and the kernel's calls may be
// interrupted or move single bytes.
//
// A line or rest that is read is what the peer wrote, in order, whatever was canceled or timed out
// before. The peer gets what was accepted, in that order, and all of it unless it went away or a close
// ran out of time. A call that fails has a reason that the harness gave, and one that has a reason does
// not wait. When the input is over, all come to their ends.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "faulty_calls.h"
#include "fuzz.h"
#include "line_reference.h"

extern "C" {
#include "scheduler_probe.h"
}

namespace {

constexpr int64_t BEGIN_NS = 1000000000;
constexpr size_t READERS = 3, WRITERS = 3, MOST_BYTES = 1 << 20;
constexpr unsigned MOST_WAITS_AT_THE_END = 1000000;

struct Actor {
    size_t number = 0;
    strand_id id = 0;
    bool canceled = false;      // and has not met it
    bool in_call = false;
    int64_t deadline_ns = 0;    // of its call
};

struct World {
    Bytes bytes;
    strand_scheduler *scheduler = nullptr;
    int64_t clock_ns = BEGIN_NS, deadline_ns = STRAND_FOREVER;
    Actor actors[READERS + WRITERS]{};
    size_t living = READERS + WRITERS;

    strand_stream *in = nullptr, *out = nullptr;      // the same, or two pipes' ends
    int peer_in = -1, peer_out = -1;                  // ... whose other ends these are
    bool two_pipes = false, raw_reads = false, closed = false;

    LineReference incoming{};
    bool reset = false;                     // reading has failed for good
    bool peer_left_unread = false;

    std::string accepted{}, got{};          // by the streams; by the peer
    bool shutting = false, shut = false;    // somebody has tried to end writing; it has ended
    bool peer_gone = false, dropped = false;      // ... by a close that ran out of time
    unsigned waits_at_the_end = 0;
};

World *world;

// Byte by byte only some thousands: each is a call.
size_t take_length()
{
    size_t length = world->bytes.length();
    return faulty.single ? length % 3001 : length;
}

// ---- Calls, and why they may fail ---------------------------------------------------------------

enum Kind { READS, WRITES, CLOSES };

void require_reason(Actor *self, ssize_t status, Kind kind)
{
    switch (-status) {
    case ECANCELED:
        REQUIRE(self->canceled);
        self->canceled = false;      // it has been met
        return;
    case ETIMEDOUT:
        REQUIRE(self->deadline_ns <= world->clock_ns);
        return;
    case EBADF:
        REQUIRE(world->closed && kind != CLOSES);
        return;
    case ECONNRESET:
        REQUIRE(world->peer_left_unread);
        return;
    case EPIPE:
        REQUIRE(kind != READS && (world->peer_gone || world->shutting));
        return;
    default:
        fprintf(stderr, "status %zd: ", status);
        REQUIRE(!"a reason that was given");
    }
}

template <typename Call> ssize_t call(Actor *self, Kind kind, Call made)
{
    self->deadline_ns = world->deadline_ns;
    self->in_call = true;
    ssize_t status = made();
    self->in_call = false;
    if (status < 0 && status != -E2BIG && status != -ENOTSOCK)
        require_reason(self, status, kind);
    return status;
}

// ---- Reading ------------------------------------------------------------------------------------

// Held over other strands' turns, which must not touch it; nor may a close.
void hold(const strand_line &line)
{
    std::string copy(line.text, line.length);
    for (unsigned turns = world->bytes.below(4); turns > 0; turns--)
        strand_yield();
    REQUIRE(copy.compare(0, copy.npos, line.text, line.length) == 0);
}

void check_line(const strand_line &line, const std::string &text, int ending)
{
    REQUIRE(line.ending == ending && line.length == text.size());
    REQUIRE(std::string(line.text, line.length + static_cast<size_t>(ending)) == text + LINE_ENDINGS[ending]);
}

ssize_t read_line(Actor *self)
{
    strand_line line{};
    line.size = sizeof line;
    ssize_t status = call(self, READS, [&] { return strand_read_line(world->in, &line); });
    world->reset |= status == -ECONNRESET;
    if ((status >= 0 || status == -E2BIG) && !world->reset) {
        std::string text;
        int ending = 0;
        REQUIRE(world->incoming.next(&text, &ending) == status);
        if (status == 1)
            check_line(line, text, ending);
    }
    if (status == 1) {
        hold(line);
        REQUIRE(strand_line_release(world->in) == 0);
    }
    return status;
}

void read_some(Actor *self)
{
    std::string to(1 + take_length(), '?');
    ssize_t count = call(self, READS, [&] { return strand_read(world->in, &to[0], to.size()); });
    world->reset |= count == -ECONNRESET;
    if (count < 0 || world->reset)
        return;
    to.resize(static_cast<size_t>(count));
    REQUIRE(count > 0 || (world->incoming.ended && world->incoming.there() == 0));
    REQUIRE(world->incoming.take(to.size()) == to);
}

// ---- Writing ------------------------------------------------------------------------------------

// Other bytes at each place, so that none may be missing, doubled or exchanged.
std::string content_of(size_t place, size_t length)
{
    std::string bytes;
    for (size_t i = 0; i < length; i++)
        bytes += static_cast<char>((place + i) % 251);
    return bytes;
}

void write_one(Actor *self, bool line)
{
    size_t length = take_length();
    if (world->accepted.size() + length > MOST_BYTES || world->shut)
        return;
    std::string text = content_of(world->accepted.size() + self->number, length);
    ssize_t status = call(self, WRITES, [&] {
        return line ? strand_write_line(world->out, text.data(), text.size())
                    : strand_write(world->out, text.data(), text.size());
    });
    if (status < 0)
        return;
    REQUIRE(status == (line ? 0 : static_cast<ssize_t>(text.size())));
    world->accepted += line ? text + "\n" : text;
}

bool peer_has(size_t size)
{
    int waiting = 0;
    REQUIRE(ioctl(world->peer_out, FIONREAD, &waiting) == 0);
    return world->got.size() + static_cast<size_t>(waiting) >= size;
}

void flush(Actor *self)
{
    size_t accepted = world->accepted.size();
    ssize_t status = call(self, WRITES, [] { return strand_flush(world->out); });
    REQUIRE(status < 0 || world->peer_gone || peer_has(accepted));
}

void shut_writing(Actor *self)
{
    world->shutting |= !world->two_pipes;
    ssize_t status = call(self, WRITES, [] { return strand_shutdown_write(world->out); });
    REQUIRE(status != -ENOTSOCK || world->two_pipes);
    world->shut |= status == 0;
}

// ---- Strands ------------------------------------------------------------------------------------

void set_deadline(int64_t deadline_ns)
{
    world->deadline_ns = deadline_ns;
    REQUIRE(strand_set_deadline(world->in, deadline_ns) == 0);
    REQUIRE(strand_set_deadline(world->out, deadline_ns) == 0);
}

void choose_deadline()
{
    unsigned choice = world->bytes.below(4);
    int64_t later_ns = world->clock_ns + 1 + static_cast<int64_t>(world->bytes.length());
    set_deadline(choice == 0 ? BEGIN_NS : choice == 1 ? later_ns : STRAND_FOREVER);
}

void cancel()
{
    Actor &whom = world->actors[world->bytes.below(READERS + WRITERS)];
    if (strand_cancel(whom.id) == 0)
        whom.canceled = true;
}

void close_one(Actor *self, strand_stream *stream)
{
    ssize_t status = call(self, CLOSES, [&] { return strand_close(stream); });
    world->dropped |= status == -ETIMEDOUT;
}

void close_all(Actor *self)
{
    if (world->closed)
        return;
    world->closed = true;
    close_one(self, world->out);
    if (world->two_pipes)
        close_one(self, world->in);
}

// What a reader and a writer may do as well.
void do_else(Actor *self)
{
    switch (world->bytes.below(16)) {
    case 0:
    case 1:
        return choose_deadline();
    case 2:
    case 3:
    case 4:
        return cancel();
    case 5:
        faulty.interrupted = !faulty.interrupted;
        return;
    case 6:
        faulty.single = !faulty.single;
        return;
    case 7:
        return world->bytes.below(4) ? (void)0 : close_all(self);
    case 8:
        world->clock_ns += static_cast<int64_t>(world->bytes.length());      // it computes for long
        return;
    default:
        strand_yield();
    }
}

void read_on(Actor *self)
{
    while (!world->bytes.empty() && !world->closed) {
        unsigned choice = world->bytes.below(8);
        if (choice < 3)
            read_line(self);
        else if (choice < 5 && world->raw_reads)
            read_some(self);
        else
            do_else(self);
    }
    ssize_t status = 1;
    while (status != 0 && !world->closed) {
        set_deadline(STRAND_FOREVER);
        status = read_line(self);
    }
    REQUIRE(world->closed || world->reset || world->incoming.there() == 0);
}

void write_on(Actor *self)
{
    while (!world->bytes.empty() && !world->closed) {
        unsigned choice = world->bytes.below(8);
        if (choice < 4)
            write_one(self, choice & 1);
        else if (choice == 4)
            flush(self);
        else if (choice == 5 && world->bytes.below(16) == 0)
            shut_writing(self);
        else
            do_else(self);
    }
}

void live(void *argument)
{
    Actor *self = static_cast<Actor *>(argument);
    if (self->number < READERS)
        read_on(self);
    else
        write_on(self);
    if (--world->living > 0 || world->closed)
        return;
    set_deadline(STRAND_FOREVER);
    close_all(self);
}

// ---- The peer, whose own calls are not faulty ---------------------------------------------------

// Not beyond the default limit of a line: how much of one that was refused is left for raw reads is
// chance.
void peer_writes(const std::string &bytes)
{
    std::string *came = &world->incoming.came;
    if (world->peer_in < 0 || world->incoming.ended || came->size() + bytes.size() > MOST_BYTES)
        return;
    long count = syscall(SYS_write, world->peer_in, bytes.data(), bytes.size());
    if (count > 0)
        came->append(bytes, 0, static_cast<size_t>(count));
}

bool peer_reads(size_t size)
{
    std::string to(size, '?');
    long count = world->peer_out < 0 ? 0 : syscall(SYS_read, world->peer_out, &to[0], size);
    if (count > 0)
        world->got.append(to, 0, static_cast<size_t>(count));
    return count > 0;
}

void peer_reads_all()
{
    while (peer_reads(1 << 16))
        continue;
}

void peer_ends_writing()
{
    if (world->incoming.ended)
        return;
    world->incoming.ended = true;
    if (!world->two_pipes) {
        shutdown(world->peer_in, SHUT_WR);
    } else {
        close(world->peer_in);
        world->peer_in = -1;
    }
}

void peer_goes()
{
    int waiting = 0;
    if (world->peer_out < 0)
        return;
    REQUIRE(ioctl(world->peer_out, FIONREAD, &waiting) == 0);
    world->peer_left_unread = waiting > 0 && !world->two_pipes;
    world->peer_gone = world->incoming.ended = true;
    close(world->peer_out);
    if (world->two_pipes && world->peer_in >= 0)
        close(world->peer_in);
    world->peer_in = world->peer_out = -1;
}

void peer_acts()
{
    switch (world->bytes.below(8)) {
    case 0:
    case 1:
        return peer_writes(chunk_of(&world->bytes));
    case 2:
        return peer_writes(run_of(&world->bytes, take_length()));
    case 3:
        peer_reads(1 + take_length());
        return;
    case 4:
        return peer_reads_all();
    case 5:
        switch (world->bytes.below(12)) {
        case 0:
            return peer_ends_writing();
        case 1:
            return peer_goes();
        }
        return;
    default:
        return;
    }
}

void peer_ends()
{
    REQUIRE(++world->waits_at_the_end < MOST_WAITS_AT_THE_END);
    faulty.reset();
    peer_reads_all();
    peer_ends_writing();
}

void check_what_the_peer_got()
{
    peer_reads_all();
    REQUIRE(world->accepted.compare(0, world->got.size(), world->got) == 0);
    REQUIRE(world->peer_gone || world->dropped || world->accepted == world->got);
}

// Nobody is left that could run: what has a reason to end has ended.
void check_who_waits()
{
    for (const Actor &actor : world->actors)
        REQUIRE(!actor.in_call || (!actor.canceled && actor.deadline_ns > world->clock_ns));
}

// ---- The beginning ------------------------------------------------------------------------------

// The kernel takes little, so that writers soon wait.
void narrow(int fd)
{
    int size = 1;
    if (world->two_pipes)
        REQUIRE(fcntl(fd, F_SETPIPE_SZ, 4096) == 4096);
    else
        REQUIRE(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
}

void open_connection(size_t limit)
{
    int ends[2], back[2];
    strand_stream_options options{};
    options.size = sizeof options;
    options.max_line_bytes = limit;
    if (world->two_pipes) {
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
        world->peer_in = ends[1];
        world->peer_out = back[0];
        REQUIRE(strand_stream_open(back[1], &options, &world->out) == 0);
        REQUIRE(strand_stream_open(ends[0], &options, &world->in) == 0);
    } else {
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        world->peer_in = world->peer_out = ends[1];
        REQUIRE(strand_stream_open(ends[0], &options, &world->in) == 0);
        world->out = world->in;
    }
    narrow(world->two_pipes ? back[1] : ends[0]);
    for (int fd : {world->peer_in, world->peer_out})
        REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

void begin(void *limit)
{
    open_connection(*static_cast<size_t *>(limit));
    for (size_t i = 0; i < READERS + WRITERS; i++) {
        world->actors[i].number = i;
        REQUIRE(strand_spawn(world->scheduler, live, &world->actors[i], &world->actors[i].id) == 0);
    }
}

}

int64_t probe_clock_ns(void)
{
    return world ? world->clock_ns : BEGIN_NS;
}

void probe_wait(int64_t timeout_ns)
{
    if (!world)
        return;
    if (timeout_ns != 0)
        check_who_waits();
    if (world->bytes.empty())
        peer_ends();
    else
        peer_acts();
    if (timeout_ns > 0 && timeout_ns != STRAND_FOREVER)
        world->clock_ns += timeout_ns;
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const size_t LIMITS[] = {1, 3, 100, 65535, 65536, 0};
    World one{Bytes(data, size)};
    signal(SIGPIPE, SIG_IGN);      // the peer's
    faulty.reset();
    one.two_pipes = one.bytes.below(2);
    size_t limit = LIMITS[one.bytes.below(sizeof LIMITS / sizeof *LIMITS)];
    one.raw_reads = limit == 0;
    one.incoming.limit = limit ? limit : MOST_BYTES;
    REQUIRE(strand_scheduler_init(nullptr, &one.scheduler) == 0);
    world = &one;
    REQUIRE(strand_spawn(one.scheduler, begin, &limit, nullptr) == 0);
    REQUIRE(strand_scheduler_run(one.scheduler) == 0);
    REQUIRE(one.living == 0);
    faulty.reset();
    check_what_the_peer_got();
    peer_goes();
    REQUIRE(strand_scheduler_shutdown(one.scheduler) == 0);
    world = nullptr;
}
