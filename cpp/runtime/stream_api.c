/* SPDX-License-Identifier: Apache-2.0 */
/* strand_stream_*, strand_listen and the like: the public header's part about streams. */
#include <strand/strand.h>

#include "listener.h"
#include "resolve.h"
#include "self.h"
#include "stream.h"

int strand_stream_open(int fd, const struct strand_stream_options *options, strand_stream **out)
{
    struct strand *self = strand_calling();
    if (!self)
        return -EPERM;
    return out ? strand_stream_create(self->scheduler, fd, options, out) : -EINVAL;
}

static int standard(int fd, strand_stream **out)
{
    struct strand *self = strand_calling();
    return self ? strand_stream_standard(self->scheduler, fd, out) : -EPERM;
}

static strand_stream *standard_or_errno(int fd)
{
    strand_stream *stream;
    int status = standard(fd, &stream);
    if (status == 0)
        return stream;
    errno = -status;
    return NULL;
}

strand_stream *strand_stdin(void)
{
    return standard_or_errno(0);
}

strand_stream *strand_stdout(void)
{
    return standard_or_errno(1);
}

/* A step of the calling strand, `self`. Its deadline_ns is the stream's as the call begins: others
 * may set another while it waits. */
#define AWAIT_ON(stream, step)                                                                     \
    __extension__({                                                                                \
        struct strand *self = strand_calling();                                                    \
        int64_t deadline_ns = self ? strand_stream_deadline(stream) : STRAND_FOREVER;              \
        STRAND_AWAIT(self, step);                                                                  \
    })

int strand_read_line(strand_stream *in, struct strand_line *line)
{
    if (!in || !line)
        return -EINVAL;
    return AWAIT_ON(in, strand_stream_read_line_step(self, in, line, deadline_ns));
}

int strand_line_release(strand_stream *in)
{
    struct strand *self = strand_calling();
    if (!self)
        return -EPERM;
    if (!in)
        return -EINVAL;
    strand_stream_release_line(self, in);
    return 0;
}

ssize_t strand_read(strand_stream *s, void *to, size_t size)
{
    if (!s || (!to && size > 0))
        return -EINVAL;
    return AWAIT_ON(s, strand_stream_read_step(self, s, to, size, deadline_ns));
}

static int write_bytes(strand_stream *s, const void *from, size_t size, bool newline)
{
    if (!s || (!from && size > 0))
        return -EINVAL;
    return AWAIT_ON(s, strand_stream_write_step(self, s, from, size, newline, deadline_ns));
}

int strand_write_line(strand_stream *out, const char *text, size_t length)
{
    return write_bytes(out, text, length, true);
}

ssize_t strand_write(strand_stream *s, const void *from, size_t size)
{
    int status = write_bytes(s, from, size, false);
    return status < 0 ? status : (ssize_t)size;
}

static int write_standard(const char *text, size_t length, bool newline)
{
    strand_stream *out;
    int status = standard(1, &out);
    return status < 0 ? status : write_bytes(out, text, length, newline);
}

int strand_print(const char *text, size_t length)
{
    return write_standard(text, length, false);
}

int strand_println(const char *text, size_t length)
{
    return write_standard(text, length, true);
}

int strand_flush(strand_stream *s)
{
    return s ? AWAIT_ON(s, strand_stream_flush_step(self, s, deadline_ns)) : -EINVAL;
}

int strand_shutdown_write(strand_stream *s)
{
    return s ? AWAIT_ON(s, strand_stream_shutdown_step(self, s, deadline_ns)) : -EINVAL;
}

int strand_close(strand_stream *s)
{
    return s ? AWAIT_ON(s, strand_stream_close_step(self, s, deadline_ns)) : -EINVAL;
}

int strand_set_max_line(strand_stream *s, size_t max_line_bytes)
{
    if (!strand_calling())
        return -EPERM;
    if (!s)
        return -EINVAL;
    strand_stream_set_max_line(s, max_line_bytes);
    return 0;
}

int strand_set_deadline(strand_stream *s, int64_t deadline_ns)
{
    if (!strand_calling())
        return -EPERM;
    if (!s)
        return -EINVAL;
    strand_stream_set_deadline(s, deadline_ns);
    return 0;
}

int strand_listen(const char *address, int backlog, strand_listener **out)
{
    struct strand *self = strand_calling();
    struct strand_resolving names;
    if (!self)
        return -EPERM;
    if (!out)
        return -EINVAL;
    int status = strand_resolve_begin(&names, address);
    if (status == 0)
        status = STRAND_AWAIT(self, strand_listen_step(self, &names, backlog, out));
    strand_resolve_end(&names);
    return status;
}

int strand_listener_address(strand_listener *l, char *text, size_t size)
{
    if (!strand_calling())
        return -EPERM;
    return l && text ? strand_listener_name(l, text, size) : -EINVAL;
}

int strand_accept(strand_listener *l, int64_t deadline_ns, strand_stream **out)
{
    struct strand *self = strand_calling();
    if (!l || !out)
        return -EINVAL;
    return STRAND_AWAIT(self, strand_accept_step(self, l, deadline_ns, out));
}

int strand_listener_close(strand_listener *l)
{
    struct strand *self = strand_calling();
    if (!self)
        return -EPERM;
    return l ? strand_listener_end(self, l) : -EINVAL;
}

int strand_connect(const char *address, int64_t deadline_ns, strand_stream **out)
{
    struct strand *self = strand_calling();
    struct strand_connecting *connecting;
    if (!self)
        return -EPERM;
    if (!out)
        return -EINVAL;
    int status = strand_connect_begin(self->scheduler, address, &connecting);
    if (status < 0)
        return status;
    return STRAND_AWAIT(self, strand_connect_step(self, connecting, deadline_ns, out));
}
