/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit: an echo of whole lines in a bare epoll loop, with no system call that could be spared.
 * One read and one write for each event; edge triggered, so that the kernel need not look at a
 * connection again that has been emptied; no read after a short one, unless the end is near.
 */
#include "listen.h"

#include <stdbool.h>
#include <sys/epoll.h>

enum { BATCH = 1024, READ_BYTES = 64 * 1024 };

struct connection {
    int fd;
    bool blocked;             /* the kernel takes no more; nothing is read until it does */
    size_t kept_bytes, sent;  /* the part of a line that has come, or output that has not gone */
    char *kept;
};

static char bytes[2 * READ_BYTES];

static void close_connection(struct connection *c)
{
    close(c->fd);
    free(c->kept);
    free(c);
}

static void keep(struct connection *c, const char *from, size_t size)
{
    char *kept = size ? realloc(c->kept, size) : NULL;
    if (size && !kept)
        measure_fail("memory", ENOMEM);
    if (size)
        memmove(kept, from, size);
    else
        free(c->kept);
    c->kept = kept;
    c->kept_bytes = size;
}

/* Whole lines go out; what the kernel does not take, and the part of a line behind it, is kept. */
static bool write_lines(struct connection *c, size_t lines_bytes, size_t size)
{
    ssize_t count = lines_bytes ? send(c->fd, bytes, lines_bytes, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (count < 0 && errno != EAGAIN)
        return false;
    size_t sent = count > 0 ? (size_t)count : 0;
    c->blocked = sent < lines_bytes;
    c->sent = lines_bytes - sent;
    if (sent < size || c->kept)
        keep(c, bytes + sent, size - sent);
    return true;
}

static bool echo_some(struct connection *c, uint32_t events)
{
    for (;;) {
        size_t kept = c->kept_bytes;
        if (kept >= READ_BYTES)
            return false;                         /* no line is that long */
        if (kept)
            memcpy(bytes, c->kept, kept);
        ssize_t count = recv(c->fd, bytes + kept, READ_BYTES, MSG_DONTWAIT);
        if (count <= 0)
            return count < 0 && errno == EAGAIN;
        size_t size = kept + (size_t)count;
        const char *last = memrchr(bytes + kept, '\n', (size_t)count);
        if (!write_lines(c, last ? (size_t)(last - bytes) + 1 : 0, size))
            return false;
        if (c->blocked || (count < READ_BYTES && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))))
            return true;
    }
}

/* Output that did not go at once; then reading goes on, for which there will be no other event. */
static bool write_rest(struct connection *c)
{
    size_t size = c->kept_bytes;      /* more than nothing, since it is blocked */
    memcpy(bytes, c->kept, size);
    if (!write_lines(c, c->sent, size))
        return false;
    return c->blocked || echo_some(c, EPOLLRDHUP);
}

static void serve(struct connection *c, uint32_t events)
{
    bool goes_on = c->blocked ? !(events & EPOLLOUT) || write_rest(c) : echo_some(c, events);
    if (!goes_on)
        close_connection(c);
}

static void accept_all(int epoll_fd, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct connection *c = calloc(1, sizeof *c);
        if (!c)
            measure_fail("memory", ENOMEM);
        c->fd = fd;
        listen_set_nodelay(fd);
        struct epoll_event event = {
            .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
            measure_fail("epoll_ctl", errno);
    }
}

int main(int count, char **arguments)
{
    static struct epoll_event events[BATCH];
    if (count == 2 && !strcmp(arguments[1], "version")) {
        puts("a bare epoll loop, edge triggered");
        return 0;
    }
    int listener = listen_on_loopback();
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) != 0)
        measure_fail("epoll", errno);
    listen_print_port(listener);
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, BATCH, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr)
                serve(events[i].data.ptr, events[i].events);
            else
                accept_all(epoll_fd, listener);
        }
    }
}
