/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of groups echo and echo-java: one thread that keeps lines of 64 bytes in flight on many
 * connections, and checks each that comes back: it carries its connection and its number.
 *
 *     bench-echo-load [--name CASE] [--connections N] [--in-flight K] [--server-core C]
 *                     [--warm-up-ms M] [--window-ms M | --lines N] [--patience-ms M] [--memory 1]
 *                     -- SERVER [ARGUMENT]...
 *
 * Starts the server, which prints its port once it listens; prints lines a second, the quantiles of
 * the latency, and what processor time the server took for a line. A line that is wrong, missing
 * or too many fails the run. With --lines it ends after so many, for tests.
 *
 * Here the client is what is scarce, so it does nothing twice: one receive and one send for each
 * event, however many lines they carry; edge triggered, since a receive asks for more than can be
 * there and so always comes back short.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../measure.h"
#include "histogram.h"
#include "server.h"

enum { LINE_BYTES = 64, MAX_IN_FLIGHT = 256, BATCH = 4096, SPARE_DESCRIPTORS = 64 };

struct connection {
    int fd;
    uint32_t id;
    uint64_t sent, received;      /* lines */
    size_t partial_bytes;         /* of the next line, which has come in part */
    int64_t *sent_ns;             /* of the lines in flight, by number modulo in_flight */
    char partial[LINE_BYTES];
};

enum phase { WARMING_UP, MEASURING, DRAINING };

static struct load {
    const char *name;
    size_t connections, in_flight, lines;
    int64_t warm_up_ns, window_ns, patience_ns;
    bool wants_memory;
    int epoll_fd;
    struct connection *all;
    struct server server;

    enum phase phase;
    int64_t phase_ends_ns, window_began_ns, window_took_ns;
    int64_t cpu_ns;               /* the server's, at the window's begin; at its end: in it */
    uint64_t in_flight_now, received, window_lines;
    struct histogram latencies;
} load;

/* ---- Lines ----------------------------------------------------------------------------------- */

/* "0000002a 00000000000003e8 mnopq…\n": connection, number, letters from a place that moves. */
enum { LETTERS_AT = 26, LETTERS = LINE_BYTES - 1 - LETTERS_AT };

static char digits[256][2];
static char letters[26 + LETTERS];

static void prepare_lines(void)
{
    for (int i = 0; i < 256; i++) {
        digits[i][0] = "0123456789abcdef"[i >> 4];
        digits[i][1] = "0123456789abcdef"[i & 15];
    }
    for (size_t i = 0; i < sizeof letters; i++)
        letters[i] = (char)('a' + i % 26);
}

static void put_number(char *to, uint64_t number, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0; number >>= 8)
        memcpy(to + 2 * (size_t)i, digits[number & 255], 2);
}

static void make_line(char *line, uint32_t connection, uint64_t number)
{
    put_number(line, connection, 4);
    line[8] = ' ';
    put_number(line + 9, number, 8);
    line[25] = ' ';
    memcpy(line + LETTERS_AT, letters + (connection + number) % 26, LETTERS);
    line[LINE_BYTES - 1] = '\n';
}

__attribute__((noreturn)) static void give_up(const struct connection *c, const char *what)
{
    fprintf(stderr, "connection %u, line %llu: %s\n", c->id, (unsigned long long)c->received, what);
    server_kill(&load.server);
    exit(1);
}

static void check_line(const struct connection *c, const char *line)
{
    char expected[LINE_BYTES];
    make_line(expected, c->id, c->received);
    if (memcmp(line, expected, LINE_BYTES) == 0)
        return;
    fprintf(stderr, "expected %.*s, got %.*s\n", LINE_BYTES - 1, expected, LINE_BYTES - 1, line);
    give_up(c, "wrong");
}

/* ---- Connections ----------------------------------------------------------------------------- */

static void send_lines(struct connection *c, uint64_t count, int64_t now_ns)
{
    char lines[MAX_IN_FLIGHT * LINE_BYTES];
    for (uint64_t i = 0; i < count; i++) {
        make_line(lines + i * LINE_BYTES, c->id, c->sent);
        c->sent_ns[c->sent++ % load.in_flight] = now_ns;
    }
    ssize_t sent = send(c->fd, lines, count * LINE_BYTES, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != (ssize_t)(count * LINE_BYTES))   /* all that is in flight fits into its buffer */
        give_up(c, sent < 0 ? strerror(errno) : "sent in part");
    load.in_flight_now += count;
}

static uint64_t take_lines(struct connection *c, const char *bytes, size_t size, int64_t now_ns)
{
    uint64_t before = c->received;
    for (; size >= LINE_BYTES; bytes += LINE_BYTES, size -= LINE_BYTES) {
        if (c->received == c->sent)
            give_up(c, "was never sent");
        check_line(c, bytes);
        if (load.phase == MEASURING)
            histogram_add(&load.latencies,
                          (uint64_t)(now_ns - c->sent_ns[c->received % load.in_flight]));
        c->received++;
    }
    memcpy(c->partial, bytes, size);
    c->partial_bytes = size;
    uint64_t count = c->received - before;
    load.in_flight_now -= count;
    load.received += count;
    return count;
}

/* What is there, and one more than can be: a line too many shows, and the receive is short. How
 * many; without MSG_DONTWAIT it waits, and a socket's patience ends. */
static uint64_t receive_lines(struct connection *c, int64_t now_ns, int flags)
{
    char bytes[(MAX_IN_FLIGHT + 1) * LINE_BYTES];
    size_t kept = c->partial_bytes;
    memcpy(bytes, c->partial, kept);
    size_t room = (c->sent - c->received + 1) * LINE_BYTES - kept;
    ssize_t count = recv(c->fd, bytes + kept, room, flags);
    if (count < 0 && errno == EAGAIN && flags != MSG_DONTWAIT)
        give_up(c, "did not come back");
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (count <= 0)
        give_up(c, count < 0 ? strerror(errno) : "the server closed the connection");
    return take_lines(c, bytes, kept + (size_t)count, now_ns);
}

/* With one echo before the next connects: the server has taken it, and no backlog overflows. */
static void open_connection(struct connection *c)
{
    const struct timeval patience = {.tv_sec = load.patience_ns / 1000000000,
                                     .tv_usec = load.patience_ns % 1000000000 / 1000};
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(load.server.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        measure_refuse("socket", errno);
    if (setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        measure_fail("setsockopt", errno);
    if (connect(c->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        give_up(c, strerror(errno));
    send_lines(c, 1, 0);
    while (c->received < 1)
        receive_lines(c, 0, 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = c};
    if (epoll_ctl(load.epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
        measure_fail("epoll_ctl", errno);
}

static void open_connections(void)
{
    load.all = calloc(load.connections, sizeof *load.all);
    int64_t *sent_ns = calloc(load.connections * load.in_flight, sizeof *sent_ns);
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!load.all || !sent_ns || load.epoll_fd < 0)
        measure_fail("epoll and memory", errno);
    for (size_t i = 0; i < load.connections; i++) {
        load.all[i].id = (uint32_t)i;
        load.all[i].sent_ns = sent_ns + i * load.in_flight;
        open_connection(&load.all[i]);
    }
}

/* For the server, too: it inherits them. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    rlim_t needed = load.connections + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        measure_fail("getrlimit", errno);
    if (limit.rlim_cur >= needed)
        return;
    limit.rlim_cur = needed;
    if (limit.rlim_max < needed)
        limit.rlim_max = needed;      /* a privilege; without it the call says so */
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return;
    fprintf(stderr, "%zu connections take %zu descriptors, and the hard limit (ulimit -Hn) is "
            "lower: ", load.connections, (size_t)needed);
    measure_refuse("setrlimit", errno);
}

/* ---- The run --------------------------------------------------------------------------------- */

static void begin_window(int64_t now_ns)
{
    load.phase = MEASURING;
    load.window_began_ns = now_ns;
    load.phase_ends_ns = load.lines ? INT64_MAX : now_ns + load.window_ns;
    load.window_lines = load.received;
    load.cpu_ns = server_cpu_ns(&load.server);
}

static void end_window(int64_t now_ns)
{
    load.cpu_ns = server_cpu_ns(&load.server) - load.cpu_ns;
    load.window_lines = load.received - load.window_lines;
    load.window_took_ns = now_ns - load.window_began_ns;
    load.phase = DRAINING;
    load.phase_ends_ns = INT64_MAX;
}

static void go_on(struct connection *c)
{
    int64_t now_ns = measure_now_ns();
    uint64_t count = receive_lines(c, now_ns, MSG_DONTWAIT);
    if (now_ns >= load.phase_ends_ns || (load.lines && load.received >= load.lines &&
                                         load.phase == MEASURING)) {
        if (load.phase == WARMING_UP)
            begin_window(now_ns);
        else
            end_window(now_ns);
    }
    if (count > 0 && load.phase != DRAINING)
        send_lines(c, count, now_ns);
}

static void find_silent(void)
{
    for (size_t i = 0; i < load.connections; i++)
        if (load.all[i].received < load.all[i].sent)
            give_up(&load.all[i], "did not come back");
}

/* Until nothing is in flight any more. */
static void exchange_lines(void)
{
    static struct epoll_event events[BATCH];
    int patience_ms = (int)(load.patience_ns / 1000000);
    while (load.in_flight_now > 0) {
        int count = epoll_wait(load.epoll_fd, events, BATCH, patience_ms);
        if (count < 0 && errno != EINTR)
            measure_fail("epoll_wait", errno);
        if (count == 0)
            find_silent();
        for (int i = 0; i < count; i++)
            go_on(events[i].data.ptr);
    }
}

/* What a server gives without being asked would come about now. */
static void check_nothing_is_left(void)
{
    for (size_t i = 0; i < load.connections; i++) {
        struct connection *c = &load.all[i];
        if (receive_lines(c, 0, MSG_DONTWAIT) > 0 || c->partial_bytes > 0)
            give_up(c, "was never sent");
    }
}

static void report(const char *suffix, double value)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s", load.name, suffix);
    measure_report(name, value);
}

static void report_all(void)
{
    double lines = (double)load.window_lines;
    report("", lines * 1e9 / (double)load.window_took_ns);
    report(" p50", histogram_quantile(&load.latencies, 0.50) / 1e3);
    report(" p99", histogram_quantile(&load.latencies, 0.99) / 1e3);
    report(" cpu", (double)load.cpu_ns / lines);
    if (load.wants_memory)
        report(" memory", (double)server_memory_bytes(&load.server) / (double)load.connections);
}

static void take_options(int *count, char **arguments)
{
    load.connections = measure_option(count, arguments, "--connections", 100);
    load.in_flight = measure_option(count, arguments, "--in-flight", 1);
    load.lines = measure_option(count, arguments, "--lines", 0);
    load.wants_memory = measure_option(count, arguments, "--memory", 0);
    size_t warm_up_ms = measure_option(count, arguments, "--warm-up-ms", 1000);
    load.warm_up_ns = load.lines ? 0 : (int64_t)warm_up_ms * 1000000;
    load.window_ns = (int64_t)measure_option(count, arguments, "--window-ms", 2000) * 1000000;
    load.patience_ns = (int64_t)measure_option(count, arguments, "--patience-ms", 10000) * 1000000;
    if (load.connections < 1 || load.connections > UINT32_MAX || load.in_flight < 1 ||
        load.in_flight > MAX_IN_FLIGHT)
        measure_fail("--connections, --in-flight", EINVAL);
}

/* The options before `--`, and the server's words behind it. */
static char **split_command(int *count, char **arguments)
{
    for (int i = 1; i + 1 < *count; i++) {
        if (strcmp(arguments[i], "--") == 0) {
            *count = i;
            arguments[i] = NULL;
            return arguments + i + 1;
        }
    }
    fprintf(stderr, "usage: bench-echo-load [OPTION VALUE]... -- SERVER [ARGUMENT]...\n");
    exit(2);
}

int main(int count, char **arguments)
{
    char **command = split_command(&count, arguments);
    int core = (int)measure_option(&count, arguments, "--server-core", (size_t)-1);
    load.name = measure_text(&count, arguments, "--name", "echo");
    take_options(&count, arguments);
    if (count > 1)
        measure_fail(arguments[1], EINVAL);

    prepare_lines();
    raise_descriptor_limit();
    server_start(&load.server, command, core);
    open_connections();
    int64_t now_ns = measure_now_ns();
    load.received = 0;
    load.phase_ends_ns = now_ns + load.warm_up_ns;
    if (load.warm_up_ns == 0)
        begin_window(now_ns);
    for (size_t i = 0; i < load.connections; i++)
        send_lines(&load.all[i], load.in_flight, now_ns);
    exchange_lines();
    check_nothing_is_left();
    report_all();
    server_kill(&load.server);
    return 0;
}
