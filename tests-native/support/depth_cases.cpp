// SPDX-License-Identifier: Apache-2.0
// The calls whose depth is measured. Each call does its work whole; what only prepares it, and the
// strands that answer it, stand in before_each.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <strand/strand.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cfloat>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include "stack_depth.h"

namespace {

void must(bool held)
{
    if (!held)
        abort();
}

// ---- Streams: what is read comes from `feed`, what is written goes to `drain` -------------------

int feed, drain;
strand_stream *in, *out;
constexpr size_t LONG_LINE = 60000, OVERFULL = 200000;
char bytes[OVERFULL];

void open_streams()
{
    int from[2], to[2];
    memset(bytes, 'x', sizeof bytes);
    must(pipe(from) == 0 && pipe(to) == 0);
    feed = from[1], drain = to[0];
    must(strand_stream_open(from[0], nullptr, &in) == 0);
    must(strand_stream_open(to[1], nullptr, &out) == 0);
}

void put_line(void *)
{
    must(write(feed, "a line\n", 7) == 7);
}

void put_long_line(void *)
{
    must(write(feed, bytes, LONG_LINE) == LONG_LINE && write(feed, "\n", 1) == 1);
}

void take_all(void *)
{
    char taken[4096];
    for (size_t left = OVERFULL + 1; left > 0;) {
        must(strand_wait_fd(drain, POLLIN, STRAND_FOREVER) > 0);
        left -= static_cast<size_t>(read(drain, taken, sizeof taken));
    }
}

void spawn(void (*fn)(void *))
{
    must(strand_spawn(nullptr, fn, nullptr, nullptr) == 0);
}

void read_line(void *)
{
    strand_line line;
    line.size = sizeof line;
    must(strand_read_line(in, &line) == 1);
    strand_line_release(in);
}

void read_some(void *)
{
    char text[7];
    must(strand_read(in, text, sizeof text) == 7);
}

void write_line(void *)
{
    must(strand_write_line(out, "a line", 6) == 0);
}

void write_overfull_line(void *)
{
    must(strand_write_line(out, bytes, OVERFULL) == 0);
    must(strand_flush(out) == 0);
}

void flush(void *)
{
    must(strand_flush(out) == 0);
}

void close_stream(void *)
{
    must(strand_close(out) == 0);
}

void stdout_to_a_file()
{
    char name[] = "/tmp/strand-depth-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    must(fd >= 0 && unlink(name) == 0 && dup2(fd, 1) == 1 && dup2(fd, 2) == 2);
    close(fd);
}

void print_text(void *)
{
    must(strand_print("a text", 6) == 0);
}

void println_text(void *)
{
    must(strand_println("a text", 6) == 0);
}

// ---- Connections ---------------------------------------------------------------------------------

strand_listener *listener;
char address[64];
strand_stream *accepted, *connected;

void open_listener()
{
    must(strand_listen("127.0.0.1:0", 0, &listener) == 0);
    must(strand_listener_address(listener, address, sizeof address) == 0);
}

void connect_there(void *)
{
    must(strand_connect(address, STRAND_FOREVER, &connected) == 0);
}

void accept_here(void *)
{
    must(strand_accept(listener, STRAND_FOREVER, &accepted) == 0);
}

void listen_anywhere(void *)
{
    strand_listener *another;
    must(strand_listen("127.0.0.1:0", 0, &another) == 0);
    strand_listener_close(another);
}

// ---- Strands -------------------------------------------------------------------------------------

strand_id other;

void nothing(void *) {}

void spawn_another(void *)
{
    must(strand_spawn(nullptr, nothing, nullptr, &other) == 0);
}

void join_other(void *)
{
    must(strand_join(other, STRAND_FOREVER, nullptr) == 0);
}

void yield(void *)
{
    strand_yield();
}

void park_for_a_moment(void *)
{
    must(strand_park("measured", strand_now_ns() + 1000) == -ETIMEDOUT);
}

void sleep_a_moment(void *)
{
    must(strand_sleep(1000) == 0);
}

void wait_for_input(void *)
{
    char text[7];
    must(strand_wait_fd(drain, POLLIN, STRAND_FOREVER) > 0);
    must(read(drain, text, sizeof text) == 7);
}

void open_raw_pipe()
{
    int ends[2];
    must(pipe(ends) == 0);
    feed = ends[1], drain = ends[0];
}

void defer_nothing(void *)
{
    must(strand_defer(nothing, nullptr) == 0);
}

void set_local(void *)
{
    strand_key key;
    must(strand_key_create(nullptr, &key) == 0 && strand_set_local(key, &key) == 0);
}

void call_on_carrier(void *)
{
    must(strand_call_on_carrier(nothing, nullptr) == 0);
}

void take_stats(void *)
{
    struct strand_scheduler_stats stats;
    stats.size = sizeof stats;
    must(strand_scheduler_stats(nullptr, &stats) == 0);
}

void dump(void *)
{
    strand_scheduler_dump(nullptr, 2);
}

// ---- The C library -------------------------------------------------------------------------------

volatile double third = 1.0 / 3;
volatile long double largest = LDBL_MAX;

void allocate(void *)
{
    void *volatile small = malloc(100), *volatile large = malloc(1 << 20);
    free(small);
    free(large);
}

void snprintf_integer(void *)
{
    char text[100];
    must(snprintf(text, sizeof text, "%s %d", "text", 42) == 7);
}

void snprintf_double(void *)
{
    char text[100];
    must(snprintf(text, sizeof text, "%.17g", third) > 0);
}

void printf_integer(void *)
{
    must(printf("%s %d\n", "text", 42) == 8);
}

void printf_double(void *)
{
    must(printf("%.17g %f\n", third, third) > 0);
}

void printf_largest(void *)
{
    must(printf("%Lf\n", largest) > 4900);
}

void fprintf_stderr(void *)
{
    must(fprintf(stderr, "%s %d\n", "text", 42) == 8);
}

void resolve(const char *name, int flags)
{
    addrinfo hints{}, *found = nullptr;
    hints.ai_flags = flags;
    hints.ai_socktype = SOCK_STREAM;
    must(getaddrinfo(name, "80", &hints, &found) == 0);
    freeaddrinfo(found);
}

void resolve_number(void *)
{
    resolve("127.0.0.1", AI_NUMERICHOST);
}

void resolve_localhost(void *)
{
    resolve("localhost", 0);
}

// A name server that knows one address: the question back, and an answer that points to its name.
// No question of the C library's has a record after it unless resolv.conf asks for EDNS.
void answer_one(int server)
{
    static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
    unsigned char packet[512 + sizeof record];
    sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(server, packet, 512, 0, reinterpret_cast<sockaddr *>(&from), &size);
    if (length < 16)
        return;
    bool asks_for_v4 = packet[length - 3] == 1;
    packet[2] = 0x81, packet[3] = 0x80, packet[7] = asks_for_v4;
    if (asks_for_v4) {
        memcpy(packet + length, record, sizeof record);
        length += sizeof record;
    }
    sendto(server, packet, static_cast<size_t>(length), 0, reinterpret_cast<sockaddr *>(&from), size);
}

void answer_while_asker_lives(int server, int life)
{
    pollfd news[] = {{server, POLLIN, 0}, {life, POLLIN, 0}};
    while (poll(news, 2, -1) > 0 && !news[1].revents)
        answer_one(server);
    _exit(0);
}

void ask_our_own_name_server()
{
    sockaddr_in here{};
    socklen_t size = sizeof here;
    int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), life[2];
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(server, reinterpret_cast<sockaddr *>(&here), size) == 0);
    must(getsockname(server, reinterpret_cast<sockaddr *>(&here), &size) == 0);
    must(pipe(life) == 0);
    if (fork() == 0) {
        close(life[1]);
        answer_while_asker_lives(server, life[0]);
    }
    close(life[0]);
    res_init();
    _res.nscount = 1;
    _res.nsaddr_list[0] = here;
}

void resolve_by_question(void *)
{
    resolve("measured.example.org", 0);
}

void local_time(void *)
{
    time_t now = time(nullptr);
    tm parts;
    char text[100];
    must(localtime_r(&now, &parts) && strftime(text, sizeof text, "%c", &parts) > 0);
}

int compare(const void *a, const void *b)
{
    return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

void sort_a_thousand(void *)
{
    static int numbers[1000];
    for (int i = 0; i < 1000; i++)
        numbers[i] = i * 7919 % 1009;
    qsort(numbers, 1000, sizeof *numbers, compare);
}

void throw_and_catch(void *)
{
    try {
        throw std::runtime_error("measured");
    } catch (const std::exception &) {
    }
}

void handle_signals_here()
{
    signal(SIGUSR1, [](int) {});
}

void take_a_signal(void *)
{
    raise(SIGUSR1);
}

}  // namespace

const std::vector<DepthCase> &depth_cases()
{
    constexpr Room small = Room::SMALL_SLOT, ask = Room::ON_REQUEST;
    static const std::vector<DepthCase> cases = {
        {"strand_read_line, a line is there", small, open_streams, [] { put_line(nullptr); },
         read_line},
        {"strand_read_line, parks", small, open_streams, [] { spawn(put_line); }, read_line},
        {"strand_read_line, parks for 60 kB", small, open_streams, [] { spawn(put_long_line); },
         read_line},
        {"strand_read, parks", small, open_streams, [] { spawn(put_line); }, read_some},
        {"strand_write_line", small, open_streams, nullptr, write_line},
        {"strand_write_line, 200 kB, parks for room", small, open_streams, [] { spawn(take_all); },
         write_overfull_line},
        {"strand_flush", small, open_streams, [] { write_line(nullptr); }, flush},
        {"strand_close", small, nullptr, open_streams, close_stream},
        {"strand_print", small, stdout_to_a_file, nullptr, print_text},
        {"strand_println", small, stdout_to_a_file, nullptr, println_text},
        {"strand_listen", small, nullptr, nullptr, listen_anywhere},
        {"strand_accept, parks", small, open_listener, [] { spawn(connect_there); }, accept_here},
        {"strand_connect", small, open_listener, nullptr, connect_there},
        {"strand_spawn", small, nullptr, nullptr, spawn_another},
        {"strand_join, parks", small, nullptr, [] { spawn_another(nullptr); }, join_other},
        {"strand_yield", small, nullptr, nullptr, yield},
        {"strand_park, until a deadline", small, nullptr, nullptr, park_for_a_moment},
        {"strand_sleep", small, nullptr, nullptr, sleep_a_moment},
        {"strand_wait_fd, parks", small, open_raw_pipe, [] { spawn(put_line); }, wait_for_input},
        {"strand_defer", small, nullptr, nullptr, defer_nothing},
        {"strand_set_local", small, nullptr, nullptr, set_local},
        {"strand_call_on_carrier", small, nullptr, nullptr, call_on_carrier},
        {"strand_scheduler_stats", small, nullptr, nullptr, take_stats},
        {"strand_scheduler_dump", small, stdout_to_a_file, nullptr, dump},
        {"malloc and free", small, nullptr, nullptr, allocate},
        {"snprintf, %s %d", small, nullptr, nullptr, snprintf_integer},
        {"snprintf, %.17g", ask, nullptr, nullptr, snprintf_double},
        {"printf, %s %d", small, stdout_to_a_file, nullptr, printf_integer},
        {"printf, %.17g %f", ask, stdout_to_a_file, nullptr, printf_double},
        {"printf, %Lf of the largest", ask, stdout_to_a_file, nullptr, printf_largest},
        {"fprintf(stderr), %s %d", ask, stdout_to_a_file, nullptr, fprintf_stderr},
        {"getaddrinfo, a number", ask, nullptr, nullptr, resolve_number},
        {"getaddrinfo, localhost", ask, nullptr, nullptr, resolve_localhost},
        {"getaddrinfo, a name server answers", ask, ask_our_own_name_server, nullptr,
         resolve_by_question},
        {"localtime_r and strftime", ask, nullptr, nullptr, local_time},
        {"qsort of 1,000 ints", ask, nullptr, nullptr, sort_a_thousand},
        {"throw and catch (C++)", ask, nullptr, nullptr, throw_and_catch},
        {"a signal handler without SA_ONSTACK", ask, handle_signals_here, nullptr, take_a_signal},
    };
    return cases;
}
