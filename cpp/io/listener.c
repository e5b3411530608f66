/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include <stdlib.h>

#include "backoff.h"
#include "io.h"
#include "resolve.h"
#include "socket.h"

/* Tries in a row after which an accept gives way to those whose connections it has taken. */
#define CONNECTIONS_SHARE 64

struct strand_listener {
    struct strand_object object;
    struct strand_io *io;
    struct strand_link link;                 /* in io's listeners, also when closed and in use */
    struct strand_turn turn;
    struct strand_loop_watch watch;
    struct strand_address address;
    struct strand_socket_file file;
    struct strand_backoff backoff;
    int fd;
    bool readable;                           /* perhaps */
    unsigned in_a_row;                       /* taken, or gone when taken, since the last wait */
};

static void release(struct strand_object *object)
{
    strand_listener *l = CONTAINER_OF(object, strand_listener, object);
    strand_link_remove(&l->link);
    free(l);
}

static void ready(struct strand_loop_watch *watch, unsigned events)
{
    strand_listener *l = CONTAINER_OF(watch, strand_listener, watch);
    (void)events;
    l->readable = true;
    if (!l->io->closing)
        strand_wait_wake_all(&l->turn.waiting);
}

static const struct strand_loop_calls loop_calls = {.ready = ready};

static int create(strand_scheduler *s, const struct strand_address *address, int backlog,
                  strand_listener **out)
{
    strand_listener *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    l->address = *address;
    int status = strand_socket_listen(&l->address, backlog, &l->file);
    if (status < 0) {
        free(l);
        return status;
    }
    l->fd = status;
    l->object.release = release;
    l->io = strand_io_of(s);
    l->readable = true;
    strand_turn_init(&l->turn);
    strand_loop_watch_init(&l->watch, l->fd, &loop_calls);
    strand_list_append(&l->io->listeners, &l->link);
    *out = l;
    return 0;
}

int strand_listener_create(strand_scheduler *s, const char *text, int backlog,
                           strand_listener **out)
{
    struct strand_address address;
    int status = strand_address_parse(text, &address);
    return status < 0 ? status : create(s, &address, backlog, out);
}

int strand_listen_step(struct strand *self, struct strand_resolving *names, int backlog,
                       strand_listener **out)
{
    struct strand_address address;
    int status = strand_resolve_step(self, names, STRAND_FOREVER);
    if (status < 0)
        return status;
    status = -ENXIO;
    while (strand_resolve_next(names, &address) == 0) {
        status = create(self->scheduler, &address, backlog, out);
        if (status == 0)
            break;
    }
    return status;
}

int strand_listener_name(strand_listener *l, char *text, size_t size)
{
    struct strand_address bound;
    if (l->object.closed)
        return -EBADF;
    int status = strand_socket_name(l->fd, &bound);
    return status < 0 ? status : strand_address_format(&bound, text, size);
}

static int wait_for_connection(struct strand *self, strand_listener *l, int64_t deadline_ns)
{
    if (!strand_loop_watched(&l->watch)) {
        int status = strand_loop_add(l->io->scheduler->loop, &l->watch);
        if (status < 0)
            return status;
    }
    l->in_a_row = 0;
    return strand_wait_arm(self, &l->turn.waiting, "a connection", deadline_ns,
                           STRAND_WAIT_OUTSIDE);
}

static int make_stream(strand_listener *l, int fd, strand_stream **out)
{
    struct strand_descriptor d = {
        .fd = fd, .given_fd = fd, .kind = STRAND_DESCRIPTOR_SOCKET, .nowait = true,
    };
    strand_backoff_end(&l->backoff);
    int status = strand_stream_adopt(l->io->scheduler, &d, NULL, out);
    if (status < 0) {
        strand_socket_close(fd);
        return status;
    }
    (*out)->short_read_tells =
        strand_loop_tells_urgent && strand_address_short_read_tells(&l->address);
    return 1;
}

/* 1: accepted; 0: go on; else as a step. */
static int try_once(struct strand *self, strand_listener *l, int64_t deadline_ns,
                    strand_stream **out)
{
    if (!l->readable && !strand_wait_is_over(self, deadline_ns))
        return wait_for_connection(self, l, deadline_ns);
    if (++l->in_a_row > CONNECTIONS_SHARE) {
        l->in_a_row = 0;
        return strand_wait_give_way(self);
    }
    int status = strand_backoff_step(self, &l->backoff, &l->turn.waiting,
                                     "descriptors, to accept with", deadline_ns);
    if (status < 0)
        return status;
    int fd = strand_socket_accept(l->fd);
    switch (fd) {
    case -EAGAIN:
        l->readable = false;
        return wait_for_connection(self, l, deadline_ns);
    case -ECONNABORTED:
        return 0;
    case -EMFILE: case -ENFILE: case -ENOBUFS: case -ENOMEM:
        /* The connections stay where they are and make no further event. */
        strand_counter_add(&l->io->accept_backoffs, 1);
        strand_backoff_begin(&l->backoff);
        return 0;
    default:
        return fd < 0 ? fd : make_stream(l, fd, out);
    }
}

int strand_accept_step(struct strand *self, strand_listener *l, int64_t deadline_ns,
                       strand_stream **out)
{
    int status = 0;
    if (l->object.closed)
        status = -EBADF;
    else if (self->scheduler != l->io->scheduler)
        status = -EPERM;
    else
        status = strand_turn_enter(self, &l->turn, "its turn to accept", deadline_ns);
    while (status == 0)
        status = try_once(self, l, deadline_ns, out);
    if (status == -EAGAIN)
        return strand_operation_repeats(self, &l->object);
    strand_accept_give_up(self, l);
    return status < 0 ? status : 0;
}

void strand_accept_give_up(struct strand *self, strand_listener *l)
{
    strand_wait_done(self);
    strand_turn_leave(self, &l->turn);
    strand_operation_end(self);
}

void strand_listener_destroy(strand_listener *l)
{
    if (l->object.closed)
        return;
    strand_loop_remove(l->io->scheduler->loop, &l->watch);
    strand_socket_listen_end(l->fd, &l->address, &l->file);
    l->object.closed = true;
    if (!l->io->closing)
        strand_turn_break(&l->turn);
    strand_object_release_unused(&l->object);
}

int strand_listener_end(struct strand *self, strand_listener *l)
{
    if (self->scheduler != l->io->scheduler)
        return -EPERM;
    strand_listener_destroy(l);
    return 0;
}

void strand_listeners_close(struct strand_io *io)
{
    struct strand_link *link;
    while ((link = strand_list_first(&io->listeners))) {
        strand_listener *l = CONTAINER_OF(link, strand_listener, link);
        l->object.users = 0;
        if (l->object.closed)
            release(&l->object);
        else
            strand_listener_destroy(l);
    }
}
