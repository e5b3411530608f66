/* SPDX-License-Identifier: Apache-2.0 */
/* libuv: whole lines are written at once with uv_try_write, which spares a request for each; only
 * what the kernel does not take goes by uv_write. */
#include <uv.h>

#include "../measure.h"

enum { READ_BYTES = 64 * 1024 };

struct connection {
    uv_tcp_t tcp;
    size_t kept_bytes;        /* the part of a line that has come */
    char *kept;
};

struct rest {
    uv_write_t request;
    char bytes[];
};

static char bytes[2 * READ_BYTES];

static void must(const char *what, int status)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
        exit(1);
    }
}

static void closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    free(c->kept);
    free(c);
}

static void close_connection(struct connection *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, closed);
}

/* Behind what is kept of a line; all connections use the same memory, one after the other. */
static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct connection *c = handle->data;
    (void)suggested;
    *room = uv_buf_init(bytes + c->kept_bytes, READ_BYTES);
}

static void rest_written(uv_write_t *request, int status)
{
    struct connection *c = request->handle->data;
    free(request->data);
    if (status < 0)
        close_connection(c);
}

static void write_rest(struct connection *c, const char *from, size_t size)
{
    struct rest *rest = malloc(sizeof *rest + size);
    if (!rest)
        measure_fail("memory", ENOMEM);
    memcpy(rest->bytes, from, size);
    rest->request.data = rest;
    uv_buf_t buffer = uv_buf_init(rest->bytes, (unsigned)size);
    must("uv_write", uv_write(&rest->request, (uv_stream_t *)&c->tcp, &buffer, 1, rest_written));
}

static void write_lines(struct connection *c, size_t size)
{
    uv_buf_t buffer = uv_buf_init(bytes, (unsigned)size);
    int sent = uv_try_write((uv_stream_t *)&c->tcp, &buffer, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        close_connection(c);
        return;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done < size)
        write_rest(c, bytes + done, size - done);
}

static void keep(struct connection *c, const char *from, size_t size)
{
    char *kept = size ? realloc(c->kept, size) : NULL;
    if (size && !kept)
        measure_fail("memory", ENOMEM);
    if (size)
        memcpy(kept, from, size);
    else
        free(c->kept);
    c->kept = kept;
    c->kept_bytes = size;
}

static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *unused)
{
    struct connection *c = stream->data;
    (void)unused;
    if (count == 0)
        return;
    if (count < 0 || c->kept_bytes >= READ_BYTES) {   /* no line is that long */
        close_connection(c);
        return;
    }
    if (c->kept)
        memcpy(bytes, c->kept, c->kept_bytes);
    size_t size = c->kept_bytes + (size_t)count;
    const char *last = memrchr(bytes + c->kept_bytes, '\n', (size_t)count);
    size_t lines_bytes = last ? (size_t)(last - bytes) + 1 : 0;
    if (lines_bytes > 0)
        write_lines(c, lines_bytes);
    if (lines_bytes < size || c->kept)
        keep(c, bytes + lines_bytes, size - lines_bytes);
}

static void accept_one(uv_stream_t *listener, int status)
{
    must("a connection", status);
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        measure_fail("memory", ENOMEM);
    must("uv_tcp_init", uv_tcp_init(listener->loop, &c->tcp));
    c->tcp.data = c;
    must("uv_accept", uv_accept(listener, (uv_stream_t *)&c->tcp));
    must("uv_tcp_nodelay", uv_tcp_nodelay(&c->tcp, 1));
    must("uv_read_start", uv_read_start((uv_stream_t *)&c->tcp, give_room, received));
}

int main(int count, char **arguments)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in address;
    int size = sizeof address;
    if (count == 2 && !strcmp(arguments[1], "version")) {
        printf("libuv %s\n", uv_version_string());
        return 0;
    }
    must("uv_ip4_addr", uv_ip4_addr("127.0.0.1", 0, &address));
    must("uv_tcp_init", uv_tcp_init(loop, &listener));
    must("uv_tcp_bind", uv_tcp_bind(&listener, (struct sockaddr *)&address, 0));
    must("uv_listen", uv_listen((uv_stream_t *)&listener, SOMAXCONN, accept_one));
    must("the port", uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size));
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
