// SPDX-License-Identifier: Apache-2.0
// Streams against what their two ends must see. Three readers and three writers share a connection, and
// take the next byte for what each does; wherever the scheduler looks outside, the peer does: it
// writes, reads, shuts its half or goes away. The clock is the harness's, and the kernel's calls may be
// interrupted or move single bytes.
//
// A line or rest that is read is what the peer wrote, in order, whatever was canceled or timed out
// before. The peer gets every write that succeeded, whole, and nothing of one that failed. Each failure
// has a reason that the harness gave. When the input is over, all come to their ends.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

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

// What one write asks for: a mark, its number, and bytes that are no mark.
struct Written {
    std::string bytes;
    bool accepted = false;      // in whole; else nothing of it
};
constexpr char MARK = '\xff';
constexpr size_t HEAD_BYTES = 3;

struct World {
    Bytes bytes;
    strand_scheduler *scheduler = nullptr;
    int64_t clock_ns = BEGIN_NS;

    strand_stream *in = nullptr, *out = nullptr;      // the same, or two pipes' ends
    int peer_in = -1, peer_out = -1;                  // ... whose other ends these are
    bool two_pipes = false, raw_reads = false, closed = false, deadline_past = false;
    size_t living = READERS + WRITERS;
    strand_id ids[READERS + WRITERS] = {};
    bool canceled[READERS + WRITERS] = {};
    bool called_late[READERS + WRITERS] = {};         // its call began with a deadline in the past

    LineReference came{};
    bool reset = false;           // reading has failed for good
    bool peer_left_unread = false;

    std::vector<Written> written{};
    size_t accepted_bytes = 0;
    bool shut = false, broken = false;      // writing is over; the peer reads no more
    bool given_up = false;                  // what was accepted, by a close that failed
    std::string got{};
    unsigned waits_at_the_end = 0;
};

World *world;

// Byte by byte only some thousands: each is a call.
size_t take_length()
{
    size_t length = world->bytes.length();
    return faulty.single ? length % 3001 : length;
}

// ---- Why a call may fail ------------------------------------------------------------------------

void begin_call(size_t self)
{
    world->called_late[self] = world->deadline_past;
}

void require_reason(size_t self, ssize_t status)
{
    switch (-status) {
    case ECANCELED:
        REQUIRE(world->canceled[self]);
        world->canceled[self] = false;      // which has been met
        return;
    case ETIMEDOUT:
        REQUIRE(world->called_late[self]);
        return;
    case EBADF:
        REQUIRE(world->closed);
        return;
    case ECONNRESET:
        REQUIRE(world->peer_left_unread);
        return;
    case EPIPE:
        REQUIRE(world->broken || world->shut);
        return;
    default:
        fprintf(stderr, "status %zd: ", status);
        REQUIRE(!"a reason that was given");
    }
}

// ---- Reading ------------------------------------------------------------------------------------

// Held over other strands' turns, which must not touch it.
void hold(const strand_line &line)
{
    std::string copy(line.text, line.length);
    for (unsigned turns = world->bytes.below(4); turns > 0; turns--)
        strand_yield();
    if (!world->closed)
        REQUIRE(copy.compare(0, copy.npos, line.text, line.length) == 0);
}

void check_line(const strand_line &line, const std::string &text, int ending)
{
    static const char *const ENDINGS[] = {"", "\n", "\r\n"};
    REQUIRE(line.ending == ending && line.length == text.size());
    REQUIRE(std::string(line.text, line.length + static_cast<size_t>(ending)) == text + ENDINGS[ending]);
}

int read_line(size_t self)
{
    strand_line line{};
    line.size = sizeof line;
    begin_call(self);
    int status = strand_read_line(world->in, &line);
    if (status < 0 && status != -E2BIG) {
        require_reason(self, status);
        world->reset |= status == -ECONNRESET;
    } else if (!world->reset) {
        std::string text;
        int ending = 0;
        REQUIRE(world->came.next(&text, &ending) == status);
        if (status == 1) {
            check_line(line, text, ending);
            hold(line);
        }
    }
    if (status == 1 && !world->closed)
        REQUIRE(strand_line_release(world->in) == 0);
    return status;
}

void read_some(size_t self)
{
    size_t size = 1 + take_length();
    std::string to(size, '?');
    begin_call(self);
    ssize_t count = strand_read(world->in, &to[0], size);
    if (count < 0) {
        require_reason(self, count);
        world->reset |= count == -ECONNRESET;
    } else if (!world->reset) {
        to.resize(static_cast<size_t>(count));
        REQUIRE(count > 0 || (world->came.ended && world->came.there() == 0));
        REQUIRE(world->came.take(to.size()) == to);
    }
}

// ---- Writing ------------------------------------------------------------------------------------

std::string content_of(size_t number, size_t length)
{
    std::string bytes{MARK, static_cast<char>(number % 200), static_cast<char>(number / 200)};
    for (size_t i = 0; i < length; i++)
        bytes += static_cast<char>((number + i) % 251);
    return bytes;
}

void write_one(size_t self, bool line)
{
    size_t number = world->written.size(), length = take_length();
    if (world->accepted_bytes + length > MOST_BYTES || world->shut)
        return;
    std::string text = content_of(number, length);
    world->written.push_back({line ? text + "\n" : text});
    begin_call(self);
    ssize_t status = line ? strand_write_line(world->out, text.data(), text.size())
                          : strand_write(world->out, text.data(), text.size());
    if (status < 0) {
        require_reason(self, status);
        return;
    }
    REQUIRE(status == (line ? 0 : static_cast<ssize_t>(text.size())));
    world->written[number].accepted = true;
    world->accepted_bytes += world->written[number].bytes.size();
}

bool peer_has(size_t size)
{
    int waiting = 0;
    REQUIRE(ioctl(world->peer_out, FIONREAD, &waiting) == 0);
    return world->got.size() + static_cast<size_t>(waiting) >= size;
}

void flush(size_t self)
{
    size_t accepted = world->accepted_bytes;
    begin_call(self);
    int status = strand_flush(world->out);
    if (status == 0)
        REQUIRE(world->broken || peer_has(accepted));
    else
        require_reason(self, status);
}

void shut_writing(size_t self)
{
    begin_call(self);
    world->shut = true;
    int status = strand_shutdown_write(world->out);
    if (status == -ENOTSOCK && world->two_pipes)
        world->shut = false;
    else if (status < 0)
        require_reason(self, status);
}

// ---- Strands ------------------------------------------------------------------------------------

void set_deadline(int64_t deadline_ns)
{
    world->deadline_past = deadline_ns != STRAND_FOREVER;
    REQUIRE(strand_set_deadline(world->in, deadline_ns) == 0);
    REQUIRE(strand_set_deadline(world->out, deadline_ns) == 0);
}

void cancel()
{
    size_t whom = world->bytes.below(READERS + WRITERS);
    if (strand_cancel(world->ids[whom]) == 0)
        world->canceled[whom] = true;
}

void close_one(size_t self, strand_stream *stream)
{
    begin_call(self);
    int status = strand_close(stream);
    if (status < 0)
        require_reason(self, status);
    world->given_up |= status < 0;
}

void close_all(size_t self)
{
    if (world->closed)
        return;
    world->closed = true;
    close_one(self, world->out);
    if (world->two_pipes)
        close_one(self, world->in);
}

// What a reader and a writer may do as well.
void do_else(size_t self)
{
    switch (world->bytes.below(16)) {
    case 0:
        return set_deadline(world->bytes.below(4) ? STRAND_FOREVER : BEGIN_NS);
    case 1:
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
        return world->bytes.below(8) ? (void)0 : close_all(self);
    default:
        strand_yield();
    }
}

void read_on(size_t self)
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
    int status = 1;
    while (status != 0 && !world->closed) {
        set_deadline(STRAND_FOREVER);
        status = read_line(self);
    }
    REQUIRE(world->closed || world->reset || world->came.there() == 0);
}

void write_on(size_t self)
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
    size_t self = *static_cast<const size_t *>(argument);
    if (self < READERS)
        read_on(self);
    else
        write_on(self);
    if (--world->living > 0 || world->closed)
        return;
    set_deadline(STRAND_FOREVER);
    if (world->canceled[self])
        flush(self);
    close_all(self);
}

// ---- The peer -----------------------------------------------------------------------------------

void peer_writes(const std::string &bytes)
{
    if (world->peer_in < 0 || world->came.ended || world->came.came.size() > MOST_BYTES)
        return;
    long count = syscall(SYS_write, world->peer_in, bytes.data(), bytes.size());      // not faulty
    if (count > 0)
        world->came.came.append(bytes, 0, static_cast<size_t>(count));
}

std::string text_of(Bytes *bytes)
{
    std::string text;
    for (size_t count = bytes->below(32); count > 0 && !bytes->empty(); count--)
        text += static_cast<char>(bytes->take());
    return text;
}

std::string run_of(Bytes *bytes)
{
    static const char KINDS[] = {'x', '\r', '\n', '\0'};
    size_t length = take_length();
    return std::string(length, KINDS[bytes->below(sizeof KINDS)]);
}

bool peer_reads(size_t size)
{
    std::string to(size, '?');
    long count = world->peer_out < 0 ? 0 : syscall(SYS_read, world->peer_out, &to[0], size);
    if (count > 0)
        world->got.append(to, 0, static_cast<size_t>(count));
    return count > 0;
}

void peer_ends_writing()
{
    if (world->came.ended)
        return;
    world->came.ended = true;
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
    world->broken = world->came.ended = true;
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
        return peer_writes(text_of(&world->bytes));
    case 2:
        return peer_writes(run_of(&world->bytes));
    case 3:
        peer_reads(1 + take_length());
        return;
    case 4:
        while (peer_reads(1 << 16)) {
        }
        return;
    case 5:
        switch (world->bytes.below(32)) {
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
    while (peer_reads(1 << 16)) {
    }
    peer_ends_writing();
}

// ---- In the end ---------------------------------------------------------------------------------

// From one mark to the next: a whole write, each once.
void check_piece(const std::string &piece, std::vector<bool> *seen)
{
    REQUIRE(piece.size() >= HEAD_BYTES);
    size_t number = static_cast<unsigned char>(piece[1]) + 200U * static_cast<unsigned char>(piece[2]);
    REQUIRE(number < world->written.size() && !(*seen)[number]);
    (*seen)[number] = true;
    REQUIRE(world->written[number].accepted && piece == world->written[number].bytes);
}

void check_what_the_peer_got()
{
    while (peer_reads(1 << 16)) {
    }
    const std::string &got = world->got;
    std::vector<bool> seen(world->written.size());
    REQUIRE(got.empty() || got[0] == MARK);
    for (size_t from = 0, to; from < got.size(); from = to) {
        to = got.find(MARK, from + 1);
        to = to == std::string::npos ? got.size() : to;
        check_piece(got.substr(from, to - from), &seen);
    }
    for (size_t i = 0; i < seen.size(); i++)
        REQUIRE(seen[i] || !world->written[i].accepted);
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
    static const size_t NUMBERS[READERS + WRITERS] = {0, 1, 2, 3, 4, 5};
    open_connection(*static_cast<size_t *>(limit));
    for (const size_t &number : NUMBERS)
        REQUIRE(strand_spawn(world->scheduler, live, const_cast<size_t *>(&number),
                             &world->ids[number]) == 0);
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
    one.two_pipes = one.bytes.below(2);
    size_t limit = LIMITS[one.bytes.below(sizeof LIMITS / sizeof *LIMITS)];
    one.raw_reads = limit == 0;      // else it is chance how much of a refused line is left for them
    one.came.limit = limit ? limit : 1 << 20;
    REQUIRE(strand_scheduler_init(nullptr, &one.scheduler) == 0);
    world = &one;
    REQUIRE(strand_spawn(one.scheduler, begin, &limit, nullptr) == 0);
    REQUIRE(strand_scheduler_run(one.scheduler) == 0);
    REQUIRE(one.living == 0);
    faulty.reset();
    if (!one.broken && !one.given_up)
        check_what_the_peer_got();
    peer_goes();
    REQUIRE(strand_scheduler_shutdown(one.scheduler) == 0);
    world = nullptr;
}
