/* SPDX-License-Identifier: Apache-2.0 */
#include "soak.h"

static long connections;

static void echo(void *connection)
{
    struct strand_line line = {.size = sizeof line};
    connections++;
    while (strand_read_line(connection, &line) == 1)
        if (strand_write(connection, line.text, line.length + line.ending) < 0)
            break;
    strand_close(connection);
    connections--;
}

static void accept_all(void *listener)
{
    strand_stream *connection;
    strand_id id;
    while (strand_accept(listener, STRAND_FOREVER, &connection) == 0) {
        spawn(echo, connection, &id);
        saw_id(id);
    }
}

static void say_what_is_held(void)
{
    char text[160];
    struct holding now;
    hold_now(&now);
    int length = snprintf(text, sizeof text, "%ld %ld %ld %ld %ld %ld %ld", now.descriptors,
                          now.kib, now.mappings, now.ids, connections, now.rounds, now.wrong);
    strand_println(text, (size_t)length);
}

static void answer(void *unused)
{
    struct strand_line line = {.size = sizeof line};
    (void)unused;
    while (strand_read_line(strand_stdin(), &line) == 1 && line.length == 1) {
        char what = line.text[0];
        if (what == '+')
            work_begin(1);
        else if (what == '-')
            work_end();
        if (what == '?')
            say_what_is_held();
        else
            strand_println("well", 4);
    }
    strand_scheduler_stop(NULL);
}

void serve(void *unix_address)
{
    const char *wanted[2] = {"127.0.0.1:0", unix_address};
    for (int i = 0; i < 2; i++) {
        char address[128];
        strand_listener *listener;
        int status = strand_listen(wanted[i], 0, &listener);
        if (status < 0)
            measure_fail(wanted[i], status);
        strand_listener_address(listener, address, sizeof address);
        strand_println(address, strlen(address));
        spawn(accept_all, listener, NULL);
    }
    spawn(answer, NULL, NULL);
}
