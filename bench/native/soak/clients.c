/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "soak.h"

enum { MOST_TEXT = 3000, BURST = 16, TOLD = 12, CROWD = 1000 };

struct client {
    uint32_t number;
    uint64_t random;
    uint64_t line;               /* of this connection's, so far */
    strand_stream *stream;
};

static struct soak *soak;
static int64_t began_ns, ends_ns;
static uint64_t lines, connections_made;
static unsigned failures, running;

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
        status = strand_sleep((int64_t)(next_random(&c->random) % (SECOND / 10)));
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
    status = strand_connect(soak->addresses[c->number % 2], strand_now_ns() + 30 * SECOND, &c->stream);
    if (status < 0)
        return failed(c, "connecting", status);
    connections_made++;
    strand_set_deadline(c->stream, strand_now_ns() + 3600 * 24 * SECOND);
    return true;
}

/* Most rounds are one line, some many or long ones, few a new connection; and pauses in between. */
static bool one_round(struct client *c)
{
    unsigned choice = (unsigned)(next_random(&c->random) % 1000);
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
        if (!well || strand_sleep((int64_t)(next_random(&c->random) % (2 * SECOND))) < 0)
            break;
    }
    if (c->stream)
        strand_close(c->stream);
    running--;
}

/* ---- The server, as it sees itself ----------------------------------------------------------- */

static void ask(const char *what, char *answer, size_t size)
{
    struct strand_line line = {.size = sizeof line};
    strand_write_line(soak->to_server, what, strlen(what));
    if (strand_read_line(soak->from_server, &line) != 1 || line.length >= size)
        measure_fail("the server is gone", EPIPE);
    memcpy(answer, line.text, line.length);
    answer[line.length] = '\0';
}

static void ask_server(struct holding *now)
{
    char text[200];
    ask("?", text, sizeof text);
    if (sscanf(text, "%ld %ld %ld %ld %ld %ld %ld", &now->descriptors, &now->kib, &now->mappings,
               &now->ids, &now->connections, &now->rounds, &now->wrong) != HOLDING_FIELDS)
        measure_fail(text, EPROTO);
}

static void tell_server(const char *what)
{
    char text[32];
    ask(what, text, sizeof text);
    if (strcmp(text, "well") != 0)
        measure_fail(text, EPROTO);
}

/* Until it serves so many connections, no less and no more: it has to accept them and to read their
 * ends. */
static bool server_serves(long least, long most, struct holding *now)
{
    for (int i = 0; i < 6000; i++) {
        ask_server(now);
        if (now->connections >= least && now->connections <= most)
            return true;
        strand_sleep(SECOND / 100);
    }
    return false;
}

static void sample(bool told)
{
    double seconds = (double)(strand_now_ns() - began_ns) / (double)SECOND;
    struct holding server, own;
    ask_server(&server);
    hold_now(&own);
    take_sample(SERVER, seconds, &server);
    take_sample(CLIENTS, seconds, &own);
    if (!told)
        return;
    printf("%7.1f s  %u connected  %llu lines  %llu connections made  %ld and %ld rounds  "
           "server %ld descriptors %ld KiB %ld mappings %ld ids  clients %ld %ld %ld %ld\n",
           seconds, running, (unsigned long long)lines, (unsigned long long)connections_made,
           server.rounds, own.rounds, server.descriptors, server.kib, server.mappings, server.ids,
           own.descriptors, own.kib, own.mappings, own.ids);
    fflush(stdout);
}

/* ---- A crowd that is killed ------------------------------------------------------------------- */

static pid_t start_crowd(int *said)
{
    int ends[2];
    pid_t crowd;
    posix_spawn_file_actions_t actions;
    char *words[] = {"soak", "crowd", soak->addresses[0], soak->addresses[1], "1000", NULL};
    if (pipe2(ends, O_CLOEXEC) != 0)
        measure_fail("pipe", errno);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    int status = posix_spawn(&crowd, "/proc/self/exe", &actions, NULL, words, environ);
    if (status != 0)
        measure_fail("the crowd", status);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *said = ends[0];
    return crowd;
}

static void kill_a_crowd(void)
{
    struct holding before, with, after;
    struct strand_line line = {.size = sizeof line};
    strand_stream *said;
    int fd, status;
    ask_server(&before);
    pid_t crowd = start_crowd(&fd);
    if (strand_stream_open(fd, NULL, &said) < 0 || strand_read_line(said, &line) != 1)
        measure_fail("the crowd did not connect", EPIPE);
    /* Those who connect anew just then are not of the crowd. */
    bool came = server_serves(before.connections + CROWD - CROWD / 20, LONG_MAX, &with);
    kill(crowd, SIGKILL);
    int64_t killed_ns = strand_now_ns();
    waitpid(crowd, &status, 0);
    strand_close(said);
    bool gone = server_serves(0, soak->connections + CROWD / 20, &after);
    printf("a crowd of %d killed: the server served %ld before, %ld with it, %ld after %lld ms%s\n",
           CROWD, before.connections, with.connections, after.connections,
           (long long)((strand_now_ns() - killed_ns) / 1000000),
           !came ? " (NOT ACCEPTED)" : !gone ? " (NOT GIVEN BACK)" : "");
    failures += !came + !gone;
}

/* ------------------------------------------------------------------------------------------------ */

static void take_addresses(void)
{
    struct strand_line line = {.size = sizeof line};
    for (int i = 0; i < 2; i++) {
        if (strand_read_line(soak->from_server, &line) != 1 ||
            line.length >= sizeof soak->addresses[i])
            measure_fail("the server did not start", EPIPE);
        memcpy(soak->addresses[i], line.text, line.length);
    }
}

static void last_account(const char *name, const struct holding *first, const struct holding *last)
{
    bool given_back = last->descriptors <= first->descriptors && last->connections == 0;
    printf("%s afterwards: %ld descriptors, %ld before; %ld connections; %ld rounds of work, %ld "
           "wrong%s\n", name, last->descriptors, first->descriptors, last->connections,
           last->rounds, last->wrong, given_back ? "" : " (NOT GIVEN BACK)");
    failures += !given_back + (last->wrong > 0) + (last->rounds == 0);
}

static struct client *clients;      /* theirs until the process ends */

static void begin_clients(void)
{
    for (unsigned i = 0; i < soak->connections; i++) {
        clients[i].number = i;
        clients[i].random = (soak->seed + i) * UINT64_C(0x9E3779B97F4A7C15) | 1;
        running++;
        spawn(be_client, &clients[i], NULL);
    }
}

/* A connection that the server has forgotten would wait for its end for ever. */
static void wait_for_clients(void)
{
    for (int i = 0; running > 0 && i < 6000; i++)
        strand_sleep(SECOND / 100);
    if (running == 0)
        return;
    printf("%u connections are still open a minute later (NOT ENDED)\n", running);
    failures++;
}

unsigned soak_run(struct soak *what)
{
    struct holding first[SIDES], last[SIDES];
    soak = what;
    clients = calloc(soak->connections, sizeof *clients);
    take_addresses();
    ask_server(&first[SERVER]);
    hold_now(&first[CLIENTS]);
    began_ns = strand_now_ns();
    ends_ns = began_ns + soak->duration_ns;
    tell_server("+");
    work_begin(soak->seed);
    begin_clients();
    for (int i = 1; i <= 2 * SAMPLES; i++) {
        int64_t apart_ns = soak->duration_ns / (2 * SAMPLES);
        int64_t due_ns = began_ns + apart_ns / 2 * (2 * i - 1);
        if (strand_now_ns() < due_ns + apart_ns) {      /* not those missed beside the crowd */
            strand_sleep_until(due_ns);
            sample(i % TOLD == 0);
        }
        if (i == SAMPLES)
            kill_a_crowd();
    }
    wait_for_clients();
    work_end();
    tell_server("-");
    server_serves(0, 0, &last[SERVER]);
    hold_now(&last[CLIENTS]);
    for (enum side side = 0; side < SIDES; side++)
        failures += judge(side);
    last_account("server", &first[SERVER], &last[SERVER]);
    last_account("clients", &first[CLIENTS], &last[CLIENTS]);
    printf("%llu lines over %llu connections came back as they went\n", (unsigned long long)lines,
           (unsigned long long)connections_made);
    strand_close(soak->to_server);
    strand_close(soak->from_server);
    strand_scheduler_stop(NULL);      /* those that are still open */
    return failures;
}
