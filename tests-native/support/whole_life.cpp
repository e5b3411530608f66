// SPDX-License-Identifier: Apache-2.0
// Descriptors of its own it makes by syscall(2), see failing_calls.h.
#include "whole_life.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <system_error>
#include <thread>

namespace {

constexpr size_t KIB = 1024;
constexpr int64_t MOMENT_NS = 1000;

struct Life {
    LifeWish wish;
    LifeReport *report;
    strand_scheduler *scheduler;
    std::atomic<strand_id> target;   // joined from another scheduler
};

Life *life;
strand_key key;

bool may_be(int error)
{
    // What was refused, and what becomes of those who deal with one to whom it was.
    const int known[] = {life->wish.injected, ENOMEM, EAGAIN, ECANCELED, ETIMEDOUT, EPIPE,
                         ECONNRESET, ECONNREFUSED, EBADF, ENXIO, ENETUNREACH, EIO};
    for (int each : known)
        if (error == each)
            return true;
    return false;
}

// Whether the call did what it is to do.
bool did(const char *call, long status)
{
    if (status >= 0)
        return true;
    int none = 0;
    life->report->failed++;
    life->report->first_status.compare_exchange_strong(none, static_cast<int>(status));
    if (!may_be(static_cast<int>(-status))) {
        life->report->odd_call = call;
        life->report->odd_status = static_cast<int>(status);
    }
    return false;
}

void expect(bool right, const char *what)
{
    if (!right)
        life->report->wrong = what;
}

int64_t patience()
{
    return strand_now_ns() + life->wish.patience_ns;
}

strand_id begin(const char *name, size_t stack_bytes, strand_entry entry, void *argument)
{
    strand_options options{};
    options.size = sizeof options;
    options.name = name;
    options.stack_bytes = stack_bytes;
    options.dense_stack = stack_bytes == 4 * KIB;
    strand_id id = 0;
    return did("spawn", strand_spawn_with(life->scheduler, &options, entry, argument, &id)) ? id : 0;
}

void finish(strand_id id)
{
    if (id)
        did("join", strand_join(id, STRAND_FOREVER, nullptr));
}

// The stream, or none, and then the descriptor is closed.
strand_stream *open_stream(int fd, bool keep_fd = false)
{
    strand_stream_options options{};
    options.size = sizeof options;
    options.keep_fd = keep_fd;
    strand_stream *stream = nullptr;
    if (fd >= 0 && !did("stream_open", strand_stream_open(fd, &options, &stream)) && !keep_fd)
        syscall(SYS_close, fd);
    return stream;
}

void close_stream(strand_stream *stream)
{
    if (stream)
        did("close", strand_close(stream));
}

// ---- Stacks, segments, what belongs to a strand -------------------------------------------------

void count(void *counter)
{
    ++*static_cast<int *>(counter);
}

void live_on_a_stack(void *counter)
{
    auto deeper = [](void *) {
        strand_yield();
        did("call, its own mapping", strand_call(9 * KIB * KIB, [](void *) { strand_yield(); },
                                                 nullptr));
    };
    did("defer", strand_defer(count, counter));
    did("set_local", strand_set_local(key, counter));
    did("call", strand_call(300 * KIB, deeper, nullptr));
    did("sleep", strand_sleep(MOMENT_NS));
    strand_exit(counter);
}

void live_on_stacks()
{
    constexpr size_t classes[] = {4, 8, 16, 64, 256, 1024, 8192};
    strand_id ids[8] = {};
    static int counter;
    for (size_t i = 0; i < 7; i++)
        ids[i] = begin("on a stack", classes[i] * KIB, i < 2 ? count : live_on_a_stack, &counter);
    ids[7] = begin("cancelled", 8 * KIB, [](void *) {
        strand_park("to be cancelled", STRAND_FOREVER);
    }, nullptr);
    strand_yield();
    if (ids[7])
        strand_cancel(ids[7]);
    for (strand_id id : ids)
        finish(id);
    did("walk_stack", strand_walk_stack(strand_self(), [](void *, const void *, const void *) {},
                                        nullptr));
}

void live_by_many()
{
    strand_id ids[66];      // more than the first ring, heap and batch of stacks hold
    for (strand_id &id : ids)
        id = begin("one of many", 8 * KIB, [](void *) { strand_sleep(MOMENT_NS); }, nullptr);
    for (strand_id id : ids)
        finish(id);
}

// ---- Streams ------------------------------------------------------------------------------------

constexpr size_t LONG_LINE = 40 * KIB;

void write_lines(void *argument)
{
    auto *out = static_cast<strand_stream *>(argument);
    static char text[LONG_LINE];
    memset(text, 'x', sizeof text);
    strand_set_deadline(out, patience());
    for (int i = 0; i < 3; i++)
        if (!did("write_line", strand_write_line(out, text, i == 1 ? 10 : sizeof text)))
            break;
    did("write", strand_write(out, text, sizeof text));
    did("flush", strand_flush(out));
    close_stream(out);
}

void read_lines(strand_stream *in)
{
    strand_line line{};
    line.size = sizeof line;
    strand_set_deadline(in, patience());
    int status;
    while (did("read_line", status = strand_read_line(in, &line)) && status == 1)
        for (size_t i = 0; i < line.length; i++)
            expect(line.text[i] == 'x', "a line");
}

// From one end to the other, the writer in a strand of its own.
void pass_lines(int from, int to)
{
    strand_stream *out = open_stream(from), *in = open_stream(to);
    strand_id writer = out ? begin("writer", 0, write_lines, out) : 0;
    if (!writer)
        close_stream(out);
    if (in)
        read_lines(in);
    close_stream(in);
    finish(writer);
}

void live_by_pipes()
{
    int ends[2] = {-1, -1};
    syscall(SYS_pipe2, ends, O_CLOEXEC);
    pass_lines(ends[1], ends[0]);
}

void live_by_socket_pairs()
{
    int ends[2] = {-1, -1};
    syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    pass_lines(ends[1], ends[0]);
}

void live_by_files()
{
    int fd = static_cast<int>(syscall(SYS_memfd_create, "whole-life", 1U));
    strand_stream *out = open_stream(fd, true);
    if (out) {
        did("write_line", strand_write_line(out, "x", 1));
        close_stream(out);
    }
    syscall(SYS_lseek, fd, 0L, SEEK_SET);
    strand_stream *in = open_stream(fd);
    if (in)
        read_lines(in);
    close_stream(in);
}

void live_by_terminals()
{
    int keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64] = "";
    if (keyboard < 0)
        return;
    grantpt(keyboard);
    unlockpt(keyboard);
    ptsname_r(keyboard, name, sizeof name);
    int terminal = static_cast<int>(
        syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    strand_stream *typed = open_stream(keyboard), *in = open_stream(terminal);
    strand_line line{};
    line.size = sizeof line;
    if (typed && in) {
        strand_set_deadline(in, patience());
        bool sent = did("write_line", strand_write_line(typed, "x", 1)) &&
                    did("flush", strand_flush(typed));
        if (sent && did("read_line", strand_read_line(in, &line)))
            expect(line.length == 1 && line.text[0] == 'x', "what was typed");
    }
    close_stream(in);
    close_stream(typed);
}

// Two streams and a wait on one descriptor: the loop takes it once, and then duplicates.
void live_by_one_descriptor()
{
    int ends[2] = {-1, -1};
    syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    strand_stream *one = open_stream(ends[0], true), *other = open_stream(ends[0], true);
    char byte;
    for (strand_stream *stream : {one, other})
        if (stream) {
            strand_set_deadline(stream, strand_now_ns() + MOMENT_NS);
            expect(strand_read(stream, &byte, 1) < 0, "nothing was sent");
        }
    expect(strand_wait_fd(ends[0], POLLIN, strand_now_ns() + MOMENT_NS) < 0, "nothing was sent");
    did("wait_fd", strand_wait_fd(ends[1], POLLOUT, patience()));
    close_stream(one);
    close_stream(other);
    syscall(SYS_close, ends[0]);
    syscall(SYS_close, ends[1]);
}

// ---- Connections --------------------------------------------------------------------------------

struct Meeting {
    strand_listener *listener;
    char address[128];
    strand_id server, visitor;      // each ends the other's wait when there is nothing to wait for
};

void serve(void *argument)
{
    auto *meeting = static_cast<Meeting *>(argument);
    strand_stream *stream;
    if (!did("accept", strand_accept(meeting->listener, patience(), &stream))) {
        strand_cancel(meeting->visitor);
        return;
    }
    strand_line line{};
    line.size = sizeof line;
    strand_set_deadline(stream, patience());
    while (strand_read_line(stream, &line) == 1)
        if (!did("write_line", strand_write_line(stream, line.text, line.length)))
            break;
    close_stream(stream);
}

void visit(void *argument)
{
    auto *meeting = static_cast<Meeting *>(argument);
    strand_stream *stream;
    if (did("connect", strand_connect(meeting->address, patience(), &stream))) {
        strand_set_deadline(stream, patience());
        if (did("write_line", strand_write_line(stream, "xxx", 3)) &&
            did("shutdown_write", strand_shutdown_write(stream)))
            read_lines(stream);
        close_stream(stream);
    }
    strand_cancel(meeting->server);
}

void meet(Meeting *meeting)
{
    meeting->server = begin("server", 64 * KIB, serve, meeting);
    meeting->visitor = meeting->server ? begin("visitor", 64 * KIB, visit, meeting) : 0;
    if (!meeting->visitor && meeting->server)
        strand_cancel(meeting->server);
    finish(meeting->visitor);
    finish(meeting->server);
}

// By its address, or by a name with the same port.
void live_by_connections(const char *address, bool by_name = false)
{
    Meeting meeting{};
    if (!did("listen", strand_listen(address, 0, &meeting.listener)))
        return;
    if (did("listener_address", strand_listener_address(meeting.listener, meeting.address,
                                                        sizeof meeting.address))) {
        if (by_name) {
            char port[16];
            snprintf(port, sizeof port, "%s", strrchr(meeting.address, ':'));
            snprintf(meeting.address, sizeof meeting.address, "localhost%s", port);
        }
        meet(&meeting);
    }
    did("listener_close", strand_listener_close(meeting.listener));
}

// ---- Time, and other threads --------------------------------------------------------------------

void live_by_time()
{
    did("sleep", strand_sleep(MOMENT_NS));
    expect(strand_park("for a moment", strand_now_ns() + MOMENT_NS) < 0, "nobody woke it");
    strand_sleep_until(strand_now_ns() + MOMENT_NS);
}

void join_from_another_scheduler()
{
    strand_scheduler *other;
    if (!did("init", strand_scheduler_init(nullptr, &other)))
        return;
    auto joins = [](void *) {
        did("join, another scheduler's", strand_join(life->target, patience(), nullptr));
    };
    auto wakes = [](void *) { strand_wake(life->target); };
    if (did("spawn", strand_spawn(other, joins, nullptr, nullptr)))
        did("spawn", strand_spawn(other, wakes, nullptr, nullptr));
    did("run", strand_scheduler_run(other));
    did("shutdown", strand_scheduler_shutdown(other));
}

// While the scheduler runs: spawns, joins and wakes from outside.
void live_outside()
{
    static int counter;
    did("spawn from outside", strand_spawn(life->scheduler, count, &counter, nullptr));
    while (life->target == 0)
        std::this_thread::yield();
    if (life->target != UINT64_MAX) {
        join_from_another_scheduler();
        strand_wake(life->target);
    }
}

std::thread begin_outside()
{
    if (life->wish.alone)
        return {};
    try {
        return std::thread(live_outside);
    } catch (const std::system_error &) {      // no memory for one
        life->report->failed++;
        return {};
    }
}

void be_joined_from_outside()
{
    strand_id target = begin("target", 0, [](void *) {
        if (!life->wish.alone)
            strand_park("until another thread wakes it", patience());
    }, nullptr);
    life->target = target ? target : UINT64_MAX;
    finish(target);
}

// ---- All of it ----------------------------------------------------------------------------------

void look_at_it()
{
    int nowhere = static_cast<int>(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY | O_CLOEXEC));
    strand_id shown = begin("shown", 64 * KIB, [](void *) { strand_park("to be shown", patience()); },
                            nullptr);
    strand_yield();
    strand_scheduler_dump(life->scheduler, nowhere);
    strand_scheduler_dump_stacks(life->scheduler, nowhere);
    strand_wake(shown);
    finish(shown);
    syscall(SYS_close, nowhere);
    struct strand_scheduler_stats stats{};
    stats.size = sizeof stats;
    did("stats", strand_scheduler_stats(life->scheduler, &stats));
    life->report->guards = stats.guards;
}

void live(void *)
{
    char unix_address[64];
    snprintf(unix_address, sizeof unix_address, "unix:/tmp/strand-whole-life-%d", getpid());
    be_joined_from_outside();
    live_on_stacks();
    live_by_many();
    live_by_time();
    live_by_pipes();
    live_by_socket_pairs();
    live_by_files();
    live_by_terminals();
    live_by_one_descriptor();
    live_by_connections("127.0.0.1:0");
    live_by_connections(unix_address);
    live_by_connections("127.0.0.1:0", true);
    look_at_it();
}

} // namespace

void live_whole_life(const LifeWish &wish, LifeReport *report)
{
    Life now{wish, report, nullptr, {}};
    life = &now;
    static bool has_key = strand_key_create(nullptr, &key) == 0;
    expect(has_key, "a key");
    strand_scheduler_options options{};
    options.size = sizeof options;
    options.guards = wish.guards;
    if (!did("init", strand_scheduler_init(&options, &now.scheduler)))
        return;
    if (did("spawn", strand_spawn(now.scheduler, live, nullptr, nullptr))) {
        std::thread outside = begin_outside();
        did("run", strand_scheduler_run(now.scheduler));
        strand_id none = 0;
        now.target.compare_exchange_strong(none, UINT64_MAX);      // it never came so far
        if (outside.joinable())
            outside.join();
        did("run, for the last from outside", strand_scheduler_run(now.scheduler));
    }
    did("shutdown", strand_scheduler_shutdown(now.scheduler));
}
