/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "backoff.h"
#include "io.h"
#include "listener.h"
#include "resolve.h"
#include "socket.h"

/* An answer from the other side of the world takes as long, so that less would give up some who
 * are there. RFC 8305 waits as long before it tries the next one. */
#define LEAST_SHARE_NS INT64_C(250000000)

struct strand_connecting {
    strand_scheduler *scheduler;
    struct strand_resolving names;
    struct strand_address address;   /* length 0: the first is yet to be known */
    int64_t share_until_ns;          /* the address's own deadline; the last one has none */
    struct strand_backoff backoff;
    strand_stream *stream;           /* NULL: still to be tried; the other's queue may be full */
    bool pending;
};

int strand_connect_begin(strand_scheduler *s, const char *address, struct strand_connecting **out)
{
    struct strand_connecting *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->scheduler = s;
    int status = strand_resolve_begin(&c->names, address);
    if (status < 0) {
        strand_resolve_end(&c->names);
        free(c);
        return status;
    }
    *out = c;
    return 0;
}

/* 0; -EAGAIN: to be tried again. */
static int try_connect(struct strand_connecting *c)
{
    int fd = strand_socket_connect(&c->address, &c->pending);
    if (fd < 0)
        return fd;
    struct strand_descriptor d = {
        .fd = fd, .given_fd = fd, .kind = STRAND_DESCRIPTOR_SOCKET, .nowait = true,
    };
    int status = strand_stream_adopt(c->scheduler, &d, NULL, &c->stream);
    if (status < 0) {
        strand_socket_close(fd);
        return status;
    }
    c->stream->short_read_tells =
        strand_loop_tells_urgent && strand_address_short_read_tells(&c->address);
    c->stream->wake_below = 1;       /* nothing is unsent: the first writable event wakes */
    return 0;
}

/* One address; as a step. *its_own: the error is this address's, and another may do better. */
static int try_address(struct strand *self, struct strand_connecting *c, int64_t deadline_ns,
                       bool *its_own)
{
    int status;
    while (!c->stream) {
        *its_own = false;
        status = strand_backoff_step(self, &c->backoff, NULL, "a free place to connect to",
                                     deadline_ns);
        if (status < 0)
            return status;
        status = try_connect(c);
        *its_own = true;
        if (status == -EAGAIN)
            strand_backoff_begin(&c->backoff);
        else if (status < 0)
            return status;
    }
    *its_own = true;
    status = c->pending ? strand_socket_connected(c->stream->descriptor.fd) : 0;
    if (status != -EAGAIN)
        return status;
    *its_own = false;
    return strand_stream_wait(self, c->stream, &c->stream->writer, "a connection", deadline_ns);
}

/* One address that does not answer must leave the others time: an even share of what is left. */
static int64_t share_until_ns(const struct strand_connecting *c, int64_t deadline_ns)
{
    int64_t now_ns = strand_clock_now_ns();
    int64_t others = (int64_t)strand_resolve_left(&c->names);
    if (others == 0 || deadline_ns == STRAND_FOREVER || deadline_ns <= now_ns)
        return STRAND_FOREVER;
    int64_t share_ns = (deadline_ns - now_ns) / (others + 1);
    return now_ns + (share_ns > LEAST_SHARE_NS ? share_ns : LEAST_SHARE_NS);
}

static int next_address(struct strand *self, struct strand_connecting *c, int64_t deadline_ns)
{
    strand_wait_done(self);      /* perhaps in a queue of the stream that goes */
    if (c->stream)
        strand_stream_finish(c->stream);
    c->stream = NULL;
    strand_backoff_end(&c->backoff);
    int status = strand_resolve_next(&c->names, &c->address);
    if (status == 0)
        c->share_until_ns = share_until_ns(c, deadline_ns);
    return status;
}

/* A name's addresses one after the other; the error of the last one tried is the result. */
static int try_addresses(struct strand *self, struct strand_connecting *c, int64_t deadline_ns)
{
    bool its_own;
    int status = 0;
    if (c->address.length == 0) {
        status = strand_resolve_step(self, &c->names, deadline_ns);
        if (status == 0)
            status = next_address(self, c, deadline_ns);
        if (status < 0)
            return status;
    }
    do {
        bool shares = c->share_until_ns < deadline_ns;
        status = try_address(self, c, shares ? c->share_until_ns : deadline_ns, &its_own);
        its_own |= shares && status == -ETIMEDOUT;
    } while (status < 0 && its_own && next_address(self, c, deadline_ns) == 0);
    return status;
}

int strand_connect_step(struct strand *self, struct strand_connecting *c, int64_t deadline_ns,
                        strand_stream **out)
{
    int status = try_addresses(self, c, deadline_ns);
    if (status == -EAGAIN)
        return -EAGAIN;
    if (status == 0) {
        *out = c->stream;
        c->stream = NULL;
    }
    strand_connect_abandon(self, c);
    return status;
}

void strand_connect_abandon(struct strand *self, struct strand_connecting *c)
{
    strand_wait_done(self);
    if (c->stream)
        strand_stream_finish(c->stream);
    strand_resolve_end(&c->names);
    free(c);
}
