/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chat: a server with rooms and nicknames, for telnet and nc. docs/guide.md explains it.
 *
 *     chat [--idle SECONDS] [ADDRESS]    by default 127.0.0.1:7000, and 300 s of silence
 *
 * SIGTERM and SIGINT end it: what was passed on still goes out, and everyone is told. Exit status:
 * 1 when it cannot listen or accept, 2 when it was called wrongly.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strand/strand.h>

enum { EXIT_USAGE = 2 };
enum { LONGEST_LINE = 2000, LONGEST_NAME = 20 };
enum { MOST_WAITING = 500 };      /* lines, for one who does not read */

#define SECOND INT64_C(1000000000)
static const int64_t GOODBYE_NS = SECOND / 10;      /* what the last lines to someone may take */
static const int64_t GRACE_NS = 5 * SECOND;         /* what all goodbyes may, on a busy machine */
static const char HELP[] = "/join ROOM, /nick NAME, /who, /quit";

struct line {
    struct line *next;
    size_t length;
    char text[];
};

/* No lock guards any of this: strands take turns, and nothing else runs between two calls that
 * park. */
struct member {
    struct member *next, **place;       /* among the members */
    strand_stream *connection;
    strand_id session, writer;          /* the strand that reads, and the last that wrote */
    struct line *first, **end;          /* what waits to be written */
    int waiting, writing;
    int64_t heard_ns;
    const char *reason;                 /* why the server wants this one to go */
    char name[LONGEST_NAME + 1], room[LONGEST_NAME + 1];
};

static strand_scheduler *scheduler;     /* for the signal handler */
static struct member *members;
static int closing, exit_status;
static int64_t idle_ns;

/* ---- What is sent ---------------------------------------------------------------------------- */

static struct line *take_line(struct member *member)
{
    struct line *line = member->first;
    if (line) {
        member->first = line->next;
        member->waiting--;
    }
    if (!member->first)
        member->end = &member->first;
    return line;
}

static int add_line(struct member *member, const char *text, size_t length)
{
    struct line *line = malloc(sizeof *line + length);
    if (!line)
        return -ENOMEM;
    line->next = NULL;
    line->length = length;
    memcpy(line->text, text, length);
    *member->end = line;
    member->end = &line->next;
    member->waiting++;
    return 0;
}

/* A stop cancels every strand, also one that waits here with a line in hand. Nothing of it was
 * accepted then, and it is written all the same: the deadline, or the close, ends that. */
static int write_line(struct member *member, const struct line *line)
{
    int status;
    do
        status = strand_write_line(member->connection, line->text, line->length);
    while (status == -ECANCELED);
    return status;
}

/* After one that failed the others are dropped: nobody is to hear what came later and not that. */
static void write_lines(struct member *member)
{
    struct line *line;
    int status = 0;
    while ((line = take_line(member))) {
        if (status == 0)
            status = write_line(member, line);
        free(line);
    }
}

/* A strand that lives as long as there is something to write. */
static void write_waiting(void *argument)
{
    struct member *member = argument;
    write_lines(member);
    member->writing = 0;
}

/* Ends the strand that reads; it sees to the rest. */
static void dismiss(struct member *member, const char *why)
{
    if (member->reason)
        return;
    member->reason = why;
    strand_cancel(member->session);
}

/* Never parks: whoever speaks is not held up by one who does not read. Where no strand is to be had
 * (the scheduler stops), the member's own writes the line, as one of its last. */
static void send_text(struct member *member, const char *text, size_t length)
{
    if (member->waiting >= MOST_WAITING || add_line(member, text, length) < 0)
        dismiss(member, "you do not read");
    else if (!member->writing)
        member->writing = strand_spawn(NULL, write_waiting, member, &member->writer) == 0;
}

static __attribute__((format(printf, 3, 0))) size_t format_line(char *text, size_t size,
                                                                const char *format, va_list values)
{
    int length = vsnprintf(text, size, format, values);
    return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}

static __attribute__((format(printf, 2, 3))) void say(struct member *to, const char *format, ...)
{
    char text[LONGEST_LINE + 100];
    va_list values;
    va_start(values, format);
    size_t length = format_line(text, sizeof text, format, values);
    va_end(values);
    send_text(to, text, length);
}

/* To everyone else in the room. */
static __attribute__((format(printf, 2, 3))) void tell(const struct member *from,
                                                       const char *format, ...)
{
    char text[LONGEST_LINE + 100];
    va_list values;
    va_start(values, format);
    size_t length = format_line(text, sizeof text, format, values);
    va_end(values);
    for (struct member *member = members; member; member = member->next)
        if (member != from && strcmp(member->room, from->room) == 0)
            send_text(member, text, length);
}

/* ---- What is said ---------------------------------------------------------------------------- */

static int is_name(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t length = 0;
    while (text[length] && strchr(letters, text[length]))
        length++;
    return length >= 1 && length <= LONGEST_NAME && !text[length];
}

/* `from` is a name. */
static void copy_name(char *to, const char *from)
{
    memcpy(to, from, strlen(from) + 1);
}

static int may_have(struct member *member, const char *name)
{
    if (!is_name(name)) {
        say(member, "* a name is 1 to 20 letters, digits, - and _");
        return 0;
    }
    for (struct member *other = members; other; other = other->next) {
        if (strcmp(other->name, name) == 0) {
            say(member, "* %s is taken", name);
            return 0;
        }
    }
    return 1;
}

static void introduce(struct member *member, const char *name)
{
    if (!may_have(member, name))
        return;
    copy_name(member->name, name);
    copy_name(member->room, "lobby");
    say(member, "* welcome, %s: %s", name, HELP);
    tell(member, "* %s has come", name);
}

static void rename_member(struct member *member, const char *name)
{
    if (!may_have(member, name))
        return;
    tell(member, "* %s is now %s", member->name, name);
    copy_name(member->name, name);
    say(member, "* you are now %s", name);
}

static void join_room(struct member *member, const char *room)
{
    if (!is_name(room)) {
        say(member, "* a room's name is 1 to 20 letters, digits, - and _");
        return;
    }
    tell(member, "* %s has gone to %s", member->name, room);
    copy_name(member->room, room);
    say(member, "* you are in %s", room);
    tell(member, "* %s has come", member->name);
}

static void list_room(struct member *member)
{
    char text[LONGEST_LINE];
    const char *before = ": ";
    size_t length = (size_t)snprintf(text, sizeof text, "* in %s", member->room);
    for (struct member *other = members; other; other = other->next) {
        if (strcmp(other->room, member->room) != 0 || length + LONGEST_NAME + 3 > sizeof text)
            continue;
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s%s", before, other->name);
        before = ", ";
    }
    send_text(member, text, length);
}

static void obey(struct member *member, char *line)
{
    char *argument = strchr(line, ' ');
    if (argument)
        *argument++ = '\0';
    if (strcmp(line, "/join") == 0)
        join_room(member, argument ? argument : "");
    else if (strcmp(line, "/nick") == 0)
        rename_member(member, argument ? argument : "");
    else if (strcmp(line, "/who") == 0)
        list_room(member);
    else
        say(member, "* %s", HELP);
}

/* ---- A conversation -------------------------------------------------------------------------- */

/* The next line, copied, since the stream's own is there until the next read only. 1, 0 at the end,
 * -errno. */
static int next_line(struct member *member, char *text)
{
    for (;;) {
        struct strand_line line = {.size = sizeof line};
        int status = strand_read_line(member->connection, &line);
        member->heard_ns = strand_now_ns();
        if (status <= 0 && status != -E2BIG)
            return status;
        if (status == 1 && line.length <= LONGEST_LINE) {
            memcpy(text, line.text, line.length);
            text[line.length] = '\0';
            strand_line_release(member->connection);
            return 1;
        }
        say(member, "* too long, and not sent");
    }
}

/* 0 when it is over, -errno. */
static int converse(struct member *member)
{
    char line[LONGEST_LINE + 1];
    int status = 0;
    say(member, "* your name?");
    while (!member->reason && (status = next_line(member, line)) == 1) {
        if (!member->name[0])
            introduce(member, line);
        else if (strcmp(line, "/quit") == 0)
            return 0;
        else if (line[0] == '/')
            obey(member, line);
        else if (line[0])
            tell(member, "%s: %s", member->name, line);
        strand_yield();      /* so that what was said goes out before more is read */
    }
    return status < 0 ? status : 0;
}

static void enter(struct member *member)
{
    member->session = strand_self();
    member->heard_ns = strand_now_ns();
    member->end = &member->first;
    struct member **place = &members;
    while (*place)
        place = &(*place)->next;
    *place = member;
    member->place = place;
}

static void leave(struct member *member)
{
    *member->place = member->next;
    if (member->next)
        member->next->place = member->place;
    if (member->name[0] && !closing)
        tell(member, "* %s has gone", member->name);
}

/* What waits is written within GOODBYE_NS, or dropped. The writer goes first, since two would take
 * lines from each other; where it is still in the middle of one, the close ends it. A stop cancels
 * each of these waits once, and none is given up for that. */
static void say_goodbye(struct member *member)
{
    char text[100];
    int length = snprintf(text, sizeof text, "* %s", member->reason ? member->reason : "bye");
    int64_t until_ns = strand_now_ns() + GOODBYE_NS;
    strand_set_deadline(member->connection, until_ns);
    add_line(member, text, (size_t)length);
    while (member->writing && strand_join(member->writer, until_ns, NULL) == -ECANCELED)
        continue;
    write_lines(member);
    while (strand_flush(member->connection) == -ECANCELED)
        continue;
    strand_close(member->connection);
    while (strand_join(member->writer, STRAND_FOREVER, NULL) == -ECANCELED)
        continue;
}

/* A connection's strand, from the first line to the last. */
static void serve(void *argument)
{
    struct member *member = argument;
    enter(member);
    if (converse(member) == -ECANCELED && !member->reason) {
        member->reason = "the server ends";      /* nobody here did that: the scheduler stops */
        closing = 1;
    }
    leave(member);
    say_goodbye(member);
    free(member);
}

/* ---- The server ------------------------------------------------------------------------------ */

static void complain(const char *about, int error)
{
    fprintf(stderr, "chat: %s: %s\n", about, strerror(-error));
    exit_status = EXIT_FAILURE;
}

/* Looks four times in the time that one may be silent. */
static void dismiss_the_silent(void *unused)
{
    (void)unused;
    while (strand_sleep(idle_ns / 4) == 0) {
        int64_t now_ns = strand_now_ns();
        for (struct member *member = members; member; member = member->next)
            if (now_ns - member->heard_ns >= idle_ns)
                dismiss(member, "you were silent for too long");
    }
}

static void begin(strand_stream *connection)
{
    struct member *member = calloc(1, sizeof *member);
    if (member)
        member->connection = connection;
    if (!member || strand_spawn(NULL, serve, member, NULL) < 0) {
        free(member);
        strand_close(connection);
    }
}

static void listen_on(void *address)
{
    strand_listener *listener;
    char text[128];
    int status = strand_listen(address, 0, &listener);
    if (status < 0) {
        complain(address, status);
        return;
    }
    status = strand_listener_address(listener, text, sizeof text);
    fprintf(stderr, "listening on %s\n", status == 0 ? text : (const char *)address);
    strand_spawn(NULL, dismiss_the_silent, NULL, NULL);
    strand_stream *connection;
    while ((status = strand_accept(listener, STRAND_FOREVER, &connection)) == 0)
        begin(connection);
    strand_listener_close(listener);
    if (status != -ECANCELED) {
        complain("accept", status);
        strand_scheduler_stop(scheduler);
    }
}

/* ---- The program ----------------------------------------------------------------------------- */

static void on_signal(int number)
{
    (void)number;
    strand_scheduler_stop(scheduler);
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static const char *parse_options(int count, char **words)
{
    const char *address = "127.0.0.1:7000";
    char *end = "";
    long seconds = 300;
    int next = 1;
    if (count > 2 && strcmp(words[1], "--idle") == 0) {
        seconds = strtol(words[2], &end, 10);
        next = 3;
    }
    if (next < count)
        address = words[next++];
    if (next < count || *end || seconds < 1 || seconds > 999999 || address[0] == '-') {
        fprintf(stderr, "usage: chat [--idle SECONDS] [ADDRESS]\n");
        exit(EXIT_USAGE);
    }
    idle_ns = seconds * SECOND;
    return address;
}

int main(int count, char **words)
{
    const char *address = parse_options(count, words);
    const struct strand_scheduler_options options = {.size = sizeof options, .grace_ns = GRACE_NS};
    int status = strand_scheduler_init(&options, &scheduler);
    if (status == 0)
        status = strand_spawn(scheduler, listen_on, (void *)address, NULL);
    if (status < 0) {
        complain("scheduler", status);
        return exit_status;
    }
    handle_signals();
    strand_scheduler_run(scheduler);
    signal(SIGTERM, SIG_IGN);      /* the handler must not meet a scheduler that is gone */
    signal(SIGINT, SIG_IGN);
    strand_scheduler_shutdown(scheduler);
    return exit_status;
}
