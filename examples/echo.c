/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Echo: gives back each line, byte for byte, with its own ending.
 *
 *     echo                      standard input to standard output
 *     echo --listen ADDRESS     a TCP server ("127.0.0.1:7000", "[::1]:0"), a strand a connection
 *
 * SIGTERM and SIGINT end it: what has arrived is still echoed. Exit status: 0; 1 when a line was
 * too long or a stream failed; 2 for a bad option or an address that cannot be listened on.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strand/strand.h>

enum { EXIT_USAGE = 2 };

static strand_scheduler *scheduler;   /* for the signal handler */
static int exit_status;

static void complain(const char *about, int error, int status)
{
    fprintf(stderr, "echo: %s: %s\n", about, strerror(-error));
    if (exit_status < status)
        exit_status = status;
}

/* Reading parks while nothing is there; what was written goes out at the latest then. 0 at the end
 * of input and when told to stop; -errno, and *failed says which side it was. */
static int echo_lines(strand_stream *in, strand_stream *out, const char **failed)
{
    struct strand_line line = {.size = sizeof line};
    for (;;) {
        *failed = "input";
        int status = strand_read_line(in, &line);
        if (status == -E2BIG) {
            fprintf(stderr, "echo: a line is too long and was left out\n");
            exit_status = EXIT_FAILURE;
            continue;
        }
        if (status == 0 || status == -ECANCELED)
            return 0;
        if (status < 0)
            return status;
        *failed = "output";
        ssize_t written = strand_write(out, line.text, line.length + line.ending);
        if (written < 0)
            return (int)written;
    }
}

static void echo_standard_streams(void *unused)
{
    const char *failed;
    (void)unused;
    strand_stream *in = strand_stdin();
    if (!in) {
        complain("input", -errno, EXIT_FAILURE);
        return;
    }
    strand_stream *out = strand_stdout();
    if (!out) {
        complain("output", -errno, EXIT_FAILURE);
        return;
    }
    int status = echo_lines(in, out, &failed);
    if (status < 0)
        complain(failed, status, EXIT_FAILURE);
    status = strand_flush(out);
    if (status < 0)
        complain("output", status, EXIT_FAILURE);
}

/* A peer that goes away in the middle is its own affair and changes no exit status. */
static void echo_connection(void *argument)
{
    const char *failed;
    strand_stream *connection = argument;
    echo_lines(connection, connection, &failed);
    strand_close(connection);
}

static void accept_connections(strand_listener *listener)
{
    for (;;) {
        strand_stream *connection;
        int status = strand_accept(listener, STRAND_FOREVER, &connection);
        if (status == -ECANCELED)
            return;
        if (status < 0) {
            complain("accept", status, EXIT_FAILURE);
            return;
        }
        status = strand_spawn(NULL, echo_connection, connection, NULL);
        if (status < 0) {
            if (status != -ECANCELED)
                complain("a connection was turned away", status, EXIT_SUCCESS);
            strand_close(connection);
        }
    }
}

static void serve(void *address)
{
    strand_listener *listener;
    char text[128];
    int status = strand_listen(address, 0, &listener);
    if (status < 0) {
        complain(address, status, EXIT_USAGE);
        return;
    }
    status = strand_listener_address(listener, text, sizeof text);
    fprintf(stderr, "listening on %s\n", status == 0 ? text : (const char *)address);
    accept_connections(listener);
    strand_listener_close(listener);
}

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

/* The address, NULL for the standard streams. */
static const char *parse_options(int count, char **words)
{
    if (count == 1)
        return NULL;
    if (count == 3 && strcmp(words[1], "--listen") == 0)
        return words[2];
    fprintf(stderr, "usage: echo [--listen ADDRESS]\n");
    exit(EXIT_USAGE);
}

int main(int count, char **words)
{
    const char *address = parse_options(count, words);
    int status = strand_scheduler_init(NULL, &scheduler);
    if (status == 0)
        status = address ? strand_spawn(scheduler, serve, (void *)address, NULL)
                         : strand_spawn(scheduler, echo_standard_streams, NULL, NULL);
    if (status < 0) {
        complain("scheduler", status, EXIT_FAILURE);
        return exit_status;
    }
    handle_signals();
    strand_scheduler_run(scheduler);
    signal(SIGTERM, SIG_IGN);      /* the handler must not meet a scheduler that is gone */
    signal(SIGINT, SIG_IGN);
    strand_scheduler_shutdown(scheduler);
    return exit_status;
}
