/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../measure.h"

enum { START_MS = 60000 };

static void pin(int core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((size_t)core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0)
        measure_fail("sched_setaffinity", errno);
}

static void become(char *const *command, int core, int output, pid_t parent)
{
    if (core >= 0)
        pin(core);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)      /* it died before the call */
        _exit(1);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(output, 1) < 0)
        measure_fail("the server's descriptors", errno);
    execvp(command[0], command);
    measure_fail(command[0], errno);
}

/* A server that ends before it listens has said why; what it was refused we were refused. */
static void explain_end(struct server *server)
{
    int status = 0;
    waitpid(server->pid, &status, 0);
    fprintf(stderr, "the server ended before it listened\n");
    exit(WIFEXITED(status) && WEXITSTATUS(status) == MEASURE_REFUSED ? MEASURE_REFUSED : 1);
}

static uint16_t read_port(struct server *server)
{
    char text[64];
    size_t length = 0;
    while (length == 0 || text[length - 1] != '\n') {
        struct pollfd ready = {.fd = server->output, .events = POLLIN};
        if (poll(&ready, 1, START_MS) <= 0)
            measure_fail("waiting for the server to listen", errno ? errno : ETIMEDOUT);
        ssize_t count = read(server->output, text + length, 1);
        if (count <= 0)
            explain_end(server);
        if (++length == sizeof text)
            measure_fail("the server's port", EINVAL);
    }
    text[length - 1] = '\0';
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (*end != '\0' || port == 0 || port > UINT16_MAX)
        measure_fail("the server's port", EINVAL);
    return (uint16_t)port;
}

void server_start(struct server *server, char *const *command, int core)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        measure_fail("pipe2", errno);
    server->pid = fork();
    if (server->pid < 0)
        measure_fail("fork", errno);
    if (server->pid == 0)
        become(command, core, ends[1], parent);
    close(ends[1]);
    server->output = ends[0];
    server->port = read_port(server);
    int status = clock_getcpuclockid(server->pid, &server->cpu_clock);
    if (status != 0)
        measure_fail("clock_getcpuclockid", status);
}

int64_t server_cpu_ns(const struct server *server)
{
    struct timespec used;
    if (clock_gettime(server->cpu_clock, &used) != 0)
        measure_fail("the server's processor time", errno);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

int64_t server_memory_bytes(const struct server *server)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)server->pid);
    return measure_memory_of(path);
}

void server_kill(struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    close(server->output);
}
