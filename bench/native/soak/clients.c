/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak SECONDS CONNECTIONS [SEED]: an echo server and its clients, a process each, half of the
 * connections over TCP and half over a unix socket, with traffic of all kinds. Each line carries
 * its connection and number, and comes back as it went or the soak has failed.
 *
 * Prints a line every tenth of the time and, at the end, how memory and descriptors of both moved
 * over the second half, by least squares. Ends with 1 where a line was lost or mixed, a connection
 * failed, or descriptors or memory did not stay flat.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <strand/strand.h>

#include "measure.h"

#define SECOND INT64_C(1000000000)

enum { MOST_TEXT = 3000, BURST = 16, STACK_BYTES = 64 * 1024, SAMPLES = 10, MOST_SAMPLES = 64 };

/* A process: its open descriptors, and what it holds of memory. */
struct sample {
    double seconds, descriptors, kib;
};

struct side {
    const char *name;
    int first_descriptors;
    struct sample samples[MOST_SAMPLES];
    int count;
};

struct client {
    uint32_t number;
    uint64_t random;
    uint64_t line;               /* of this connection's, so far */
    strand_stream *stream;
};

static char addresses[2][128];
static int64_t began_ns, ends_ns;
static uint64_t lines, connections_made, failures;
static unsigned running;

/* ---- Both sides ------------------------------------------------------------------------------ */

static int descriptors_now(void)
{
    int count = -3;              /* ".", "..", and the folder's own */
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static long kib_now(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        measure_fail("/proc/self/statm", errno);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void spawn(strand_entry entry, void *argument)
{
    struct strand_options options = {.size = sizeof options, .stack_bytes = STACK_BYTES};
    int status = strand_spawn_with(NULL, &options, entry, argument, NULL);
    if (status < 0)
        measure_fail("spawn", status);
}

static void allow_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- The server: echoes; a line on standard input has it say what it holds ------------------- */

static strand_scheduler *scheduler;

static void echo(void *connection)
{
    struct strand_line line = {.size = sizeof line};
    while (strand_read_line(connection, &line) == 1)
        if (strand_write(connection, line.text, line.length + line.ending) < 0)
            break;
    strand_close(connection);
}

static void accept_all(void *listener)
{
    strand_stream *connection;
    while (strand_accept(listener, STRAND_FOREVER, &connection) == 0)
        spawn(echo, connection);
}

static void answer(void *unused)
{
    struct strand_line line = {.size = sizeof line};
    (void)unused;
    while (strand_read_line(strand_stdin(), &line) == 1) {
        char text[64];
        int length = snprintf(text, sizeof text, "%d %ld", descriptors_now(), kib_now());
        strand_println(text, (size_t)length);
    }
    strand_scheduler_stop(scheduler);
}

static void serve(void *unix_address)
{
    const char *wanted[2] = {"127.0.0.1:0", unix_address};
    for (int i = 0; i < 2; i++) {
        strand_listener *listener;
        int status = strand_listen(wanted[i], 0, &listener);
        if (status < 0)
            measure_fail(wanted[i], status);
        strand_listener_address(listener, addresses[i], sizeof addresses[i]);
        strand_println(addresses[i], strlen(addresses[i]));
        spawn(accept_all, listener);
    }
    spawn(answer, NULL);
}

static void run(strand_entry entry, void *argument)
{
    int status = strand_scheduler_init(NULL, &scheduler);
    if (status == 0)
        status = strand_spawn(scheduler, entry, argument, NULL);
    if (status == 0)
        status = strand_scheduler_run(scheduler);
    if (status < 0)
        measure_fail("scheduler", status);
    strand_scheduler_shutdown(scheduler);
}

/* ---- The clients ----------------------------------------------------------------------------- */

static uint64_t next_random(struct client *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return c->random;
}

static bool failed(const struct client *c, const char *what, int status)
{
    if (++failures <= 20)
        fprintf(stderr, "soak: connection %u: %s: %s\n", c->number, what,
                status < 0 ? strerror(-status) : "not what was sent");
    return false;
}

/* What this connection's line of that number says; `long_one`: some kilobytes more. */
static size_t text_of(const struct client *c, uint64_t number, bool long_one, char *text)
{
    size_t length = (size_t)sprintf(text, "connection %u line %llu ", c->number,
                                    (unsigned long long)number);
    size_t more = (size_t)((number * 2654435761u + c->number) % (long_one ? MOST_TEXT - 64 : 60));
    memset(text + length, 'a' + (int)((number + c->number) % 26), more);
    return length + more;
}

static bool send_lines(struct client *c, uint64_t first, int count, bool long_ones)
{
    char text[MOST_TEXT];
    for (int i = 0; i < count; i++) {
        size_t length = text_of(c, first + (uint64_t)i, long_ones, text);
        int status = strand_write_line(c->stream, text, length);
        if (status < 0)
            return failed(c, "writing", status);
    }
    return true;
}

static bool take_lines(struct client *c, uint64_t first, int count, bool long_ones)
{
    char text[MOST_TEXT];
    for (int i = 0; i < count; i++) {
        struct strand_line line = {.size = sizeof line};
        int status = strand_read_line(c->stream, &line);
        if (status != 1)
            return failed(c, "reading", status < 0 ? status : -EPIPE);
        size_t length = text_of(c, first + (uint64_t)i, long_ones, text);
        if (line.length != length || memcmp(line.text, text, length) != 0)
            return failed(c, "a line", 0);
        lines++;
    }
    strand_line_release(c->stream);      /* it may sleep now */
    return true;
}

static bool exchange(struct client *c, int count, bool long_ones)
{
    uint64_t first = c->line;
    c->line += (uint64_t)count;
    return send_lines(c, first, count, long_ones) && take_lines(c, first, count, long_ones);
}

/* The server has a part of the line for a while, and so have we of its answer. */
static bool exchange_in_pieces(struct client *c)
{
    char text[MOST_TEXT];
    uint64_t number = c->line++;
    size_t length = text_of(c, number, false, text), part = length / 2;
    ssize_t written = strand_write(c->stream, text, part);
    int status = written < 0 ? (int)written : strand_flush(c->stream);
    if (status == 0)
        status = strand_sleep((int64_t)(next_random(c) % (SECOND / 10)));
    if (status == 0)
        status = strand_write_line(c->stream, text + part, length - part);
    return status < 0 ? failed(c, "writing", status) : take_lines(c, number, 1, false);
}

/* The end of our half, the last lines back, the end of the other; then a new connection. */
static bool connect_anew(struct client *c)
{
    struct strand_line line = {.size = sizeof line};
    uint64_t first = c->line;
    int status;
    if (c->stream) {
        c->line += 3;
        bool whole = send_lines(c, first, 3, false) && strand_shutdown_write(c->stream) == 0 &&
                     take_lines(c, first, 3, false);
        status = whole ? strand_read_line(c->stream, &line) : 0;
        strand_close(c->stream);
        c->stream = NULL;
        if (!whole || status != 0)
            return failed(c, "the end", status < 0 ? status : -EPIPE);
    }
    status = strand_connect(addresses[c->number % 2], strand_now_ns() + 30 * SECOND, &c->stream);
    if (status < 0)
        return failed(c, "connecting", status);
    connections_made++;
    strand_set_deadline(c->stream, strand_now_ns() + 3600 * 24 * SECOND);
    return true;
}

/* Most rounds are one line, some many or long ones, few a new connection; and pauses in between. */
static bool one_round(struct client *c)
{
    unsigned choice = (unsigned)(next_random(c) % 1000);
    if (choice < 5)
        return connect_anew(c);
    if (choice < 150)
        return exchange(c, BURST, false);
    if (choice < 200)
        return exchange(c, BURST, true);
    if (choice < 300)
        return exchange_in_pieces(c);
    return exchange(c, 1, choice < 350);
}

static void be_client(void *argument)
{
    struct client *c = argument;
    bool well = connect_anew(c) && exchange(c, BURST, true);      /* as deep as it ever will be */
    while (well && strand_now_ns() < ends_ns) {
        well = one_round(c);
        if (strand_sleep((int64_t)(next_random(c) % (2 * SECOND))) < 0)
            break;
    }
    if (c->stream)
        strand_close(c->stream);
    running--;
}

/* ---- The account ----------------------------------------------------------------------------- */

static struct side sides[2] = {{.name = "server"}, {.name = "clients"}};
static strand_stream *to_server, *from_server;

static int ask_server(long *kib)
{
    struct strand_line line = {.size = sizeof line};
    char text[64] = "";
    int descriptors = -1;
    strand_write_line(to_server, "?", 1);
    if (strand_read_line(from_server, &line) == 1)
        memcpy(text, line.text, line.length < 63 ? line.length : 63);
    if (sscanf(text, "%d %ld", &descriptors, kib) != 2)
        measure_fail("the server is gone", EPIPE);
    return descriptors;
}

static void take_sample(void)
{
    double seconds = (double)(strand_now_ns() - began_ns) / (double)SECOND;
    long kib[2];
    int descriptors[2] = {ask_server(&kib[0]), descriptors_now()};
    kib[1] = kib_now();
    for (int i = 0; i < 2; i++)
        if (sides[i].count < MOST_SAMPLES)
            sides[i].samples[sides[i].count++] =
                (struct sample){seconds, descriptors[i], (double)kib[i]};
    printf("%7.1f s  %u connected  %llu lines  %llu connections made  server %d descriptors %ld KiB"
           "  clients %d descriptors %ld KiB\n", seconds, running, (unsigned long long)lines,
           (unsigned long long)connections_made, descriptors[0], kib[0], descriptors[1], kib[1]);
    fflush(stdout);
}

/* By least squares over the second half, a minute. */
static double slope(const struct side *side, size_t field)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (int i = side->count / 2; i < side->count; i++) {
        const struct sample *s = &side->samples[i];
        double value = field == 0 ? s->descriptors : s->kib, minutes = s->seconds / 60;
        n++, x += minutes, y += value, xx += minutes * minutes, xy += minutes * value;
    }
    double spread = n * xx - x * x;
    return spread > 0 ? (n * xy - x * y) / spread : 0;
}

/* Flat: what the second half has added is less than a hundredth of what is there, and 1 MiB (the
 * pools' last stragglers). */
static void judge(const struct side *side, int descriptors_after)
{
    double kib_a_minute = slope(side, 1), there = side->samples[side->count - 1].kib;
    double half = (side->samples[side->count - 1].seconds -
                   side->samples[side->count / 2].seconds) / 60;
    bool flat = kib_a_minute * half < there / 100 + 1024;
    bool given_back = descriptors_after <= side->first_descriptors;
    printf("%s: memory %+.1f KiB a minute of %.0f (%s), descriptors %+.2f a minute, %d afterwards, "
           "%d before (%s)\n", side->name, kib_a_minute, there, flat ? "flat" : "NOT FLAT",
           slope(side, 0), descriptors_after, side->first_descriptors,
           given_back ? "all given back" : "NOT GIVEN BACK");
    failures += !flat + !given_back;
}

static unsigned wanted;
static uint64_t seed;
static int64_t duration_ns;

static void soak(void *unused)
{
    struct strand_line line = {.size = sizeof line};
    struct client *clients = calloc(wanted, sizeof *clients);
    long kib;
    (void)unused;
    for (int i = 0; i < 2; i++) {
        if (strand_read_line(from_server, &line) != 1 || line.length >= sizeof addresses[i])
            measure_fail("the server did not start", EPIPE);
        memcpy(addresses[i], line.text, line.length);
    }
    sides[0].first_descriptors = ask_server(&kib);
    sides[1].first_descriptors = descriptors_now();
    began_ns = strand_now_ns();
    ends_ns = began_ns + duration_ns;
    for (unsigned i = 0; i < wanted; i++) {
        clients[i].number = i;
        clients[i].random = (seed + i) * UINT64_C(0x9E3779B97F4A7C15) | 1;
        running++;
        spawn(be_client, &clients[i]);
    }
    for (int i = 1; i <= 2 * SAMPLES; i++) {
        strand_sleep_until(began_ns + duration_ns / (4 * SAMPLES) * (2 * i - 1));
        take_sample();
    }
    while (running > 0)
        strand_sleep(SECOND / 100);
    int after = ask_server(&kib);
    for (int i = 0; i < 1000 && after > sides[0].first_descriptors; i++) {
        strand_sleep(SECOND / 100);      /* the server reads their ends */
        after = ask_server(&kib);
    }
    judge(&sides[0], after);
    judge(&sides[1], descriptors_now());
    free(clients);
    strand_close(to_server);
    strand_close(from_server);
}

static void open_streams(void *ends)
{
    int *fds = ends;
    int status = strand_stream_open(fds[0], NULL, &to_server);
    if (status == 0)
        status = strand_stream_open(fds[1], NULL, &from_server);
    if (status < 0)
        measure_fail("pipes", status);
    soak(NULL);
}

int main(int count, char **words)
{
    int down[2], up[2], status = 0;
    char unix_address[64];
    if (count < 3) {
        fprintf(stderr, "usage: soak SECONDS CONNECTIONS [SEED]\n");
        return 2;
    }
    duration_ns = (int64_t)(atof(words[1]) * (double)SECOND);
    wanted = (unsigned)atoi(words[2]);
    seed = count > 3 ? strtoull(words[3], NULL, 10) : (uint64_t)measure_now_ns();
    allow_descriptors();
    snprintf(unix_address, sizeof unix_address, "unix:/tmp/strand-soak-%d", (int)getpid());
    if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0)
        measure_fail("pipe", errno);
    pid_t server = fork();
    if (server == 0) {
        dup2(down[0], 0);
        dup2(up[1], 1);
        for (int i = 0; i < 2; i++) {
            close(down[i]);
            close(up[i]);
        }
        run(serve, unix_address);
        _exit(0);
    }
    close(down[0]);
    close(up[1]);
    printf("seed %llu\n", (unsigned long long)seed);
    run(open_streams, (int[]){down[1], up[0]});
    if (waitpid(server, &status, 0) != server || status != 0)
        failures++;
    printf("%llu lines over %llu connections came back as they went; %llu failures\n",
           (unsigned long long)lines, (unsigned long long)connections_made,
           (unsigned long long)failures);
    return failures != 0;
}
