/* SPDX-License-Identifier: Apache-2.0 */
/* Ours: a strand for each connection, plain blocking code on the public interface. */
#include <strand/strand.h>

#include "../measure.h"

static void echo_lines(void *argument)
{
    strand_stream *peer = argument;
    struct strand_line line = {.size = sizeof line};
    while (strand_read_line(peer, &line) == 1) {
        if (strand_write_line(peer, line.text, line.length) < 0)
            break;
    }
    strand_close(peer);
}

static void print_port(strand_listener *listener)
{
    char address[128];
    int status = strand_listener_address(listener, address, sizeof address);
    if (status < 0)
        measure_fail("strand_listener_address", status);
    puts(strrchr(address, ':') + 1);
    fflush(stdout);
}

static void serve(void *scheduler)
{
    strand_listener *listener;
    int status = strand_listen("127.0.0.1:0", 0, &listener);
    if (status < 0)
        measure_fail("strand_listen", status);
    print_port(listener);
    for (;;) {
        strand_stream *peer;
        status = strand_accept(listener, STRAND_FOREVER, &peer);
        if (status < 0)
            measure_fail("strand_accept", status);
        status = strand_spawn(scheduler, echo_lines, peer, NULL);
        if (status < 0)
            measure_refuse("strand_spawn", status);
    }
}

int main(int count, char **arguments)
{
    const struct strand_scheduler_options options = {
        .size = sizeof options,
        .stack_bytes = measure_option(&count, arguments, "--stack-bytes", 0),
    };
    strand_scheduler *scheduler;
    if (count == 2 && !strcmp(arguments[1], "version")) {
        puts(strand_version());
        return 0;
    }
    int status = strand_scheduler_init(&options, &scheduler);
    if (status == 0)
        status = strand_spawn(scheduler, serve, scheduler, NULL);
    if (status == 0)
        status = strand_scheduler_run(scheduler);
    if (status < 0)
        measure_fail("strand", status);
    return 0;
}
