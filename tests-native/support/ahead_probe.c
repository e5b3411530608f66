/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "hosted.h"
#include "io.h"

struct ahead_probe {
    strand_scheduler *scheduler;
    strand_stream *stream;
    struct strand *strands[2];
    struct strand *running;
    struct strand *spawned;      /* and not begun: a chain of them */
    char text[64];
};

static int go_on(struct ahead_probe *p, enum strand_disposition disposition)
{
    bool unpark;
    struct strand *previous = p->running;
    CHECK(strand_hosted_next(p->scheduler, previous, disposition, &p->running, &unpark) == 0);
    return p->running ? p->running == p->strands[1] : -1;
}

struct ahead_probe *ahead_probe_begin(strand_scheduler *s, int fd)
{
    struct ahead_probe *p = calloc(1, sizeof *p);
    CHECK(p && strand_scheduler_enter(s) == 0);
    p->scheduler = s;
    CHECK(strand_stream_create(s, fd, NULL, &p->stream) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(strand_hosted_create(s, s, NULL, &p->strands[i]) == 0);
        CHECK(strand_hosted_ready(s, p->strands[i]->id) == 0);
    }
    CHECK(go_on(p, STRAND_DISPOSED_PARKED) == 0);
    return p;
}

int ahead_probe_end(struct ahead_probe *p)
{
    for (int i = 0; i < 2; i++)
        CHECK(strand_hosted_ready(p->scheduler, p->strands[i]->id) >= 0);
    while (p->running)
        go_on(p, STRAND_DISPOSED_FINISHED);
    while (p->spawned) {
        struct strand *ends = p->spawned;
        p->spawned = ends->spare;
        ends->operation = NULL;
        strand_hosted_end_unbegun(ends);
    }
    int unsent = (int)p->scheduler->unsent;
    strand_scheduler_leave(p->scheduler);
    free(p);
    return unsent;
}

int ahead_probe_read(struct ahead_probe *p, int strand, struct strand_line *line)
{
    int status = strand_stream_read_line_step(p->strands[strand], p->stream, line, STRAND_FOREVER);
    if (status == 1) {
        CHECK(line->length <= sizeof p->text);
        line->text = memcpy(p->text, line->text, line->length);
        strand_stream_release_line(p->strands[strand], p->stream);
    }
    return status;
}

int ahead_probe_write(struct ahead_probe *p, int strand, const char *text)
{
    return strand_stream_write_step(p->strands[strand], p->stream, text, strlen(text), true,
                                    STRAND_FOREVER);
}

int ahead_probe_close(struct ahead_probe *p, int strand)
{
    return strand_stream_close_step(p->strands[strand], p->stream, STRAND_FOREVER);
}

int ahead_probe_spawn(struct ahead_probe *p)
{
    struct strand *made;
    int status = strand_hosted_create(p->scheduler, p->scheduler, NULL, &made);
    if (status < 0)
        return status;
    made->spare = p->spawned;
    p->spawned = made;
    return 0;
}

void ahead_probe_yield(struct ahead_probe *p)
{
    go_on(p, STRAND_DISPOSED_YIELDED);
}

void ahead_probe_ready(struct ahead_probe *p, int strand)
{
    CHECK(strand_hosted_ready(p->scheduler, p->strands[strand]->id) == 0);
}

int ahead_probe_finish(struct ahead_probe *p)
{
    int ends = p->running == p->strands[1];
    int next = go_on(p, STRAND_DISPOSED_FINISHED);
    CHECK(strand_hosted_create(p->scheduler, p->scheduler, NULL, &p->strands[ends]) == 0);
    return next;
}

unsigned ahead_probe_users(const struct ahead_probe *p)
{
    return p->stream->object.users;
}

void ahead_probe_cancel(struct ahead_probe *p, int strand)
{
    strand_cancel_here(p->strands[strand]);
}

void ahead_probe_nap(struct ahead_probe *p)
{
    int64_t until_ns = strand_clock_now_ns() + 1000000;
    struct strand *self = p->running;
    while (strand_sleep_step(self, until_ns) == -EAGAIN) {
        do {
            go_on(p, STRAND_DISPOSED_PARKED);
        } while (p->running != self);
    }
}

int ahead_probe_park(struct ahead_probe *p)
{
    return go_on(p, STRAND_DISPOSED_PARKED);
}

size_t ahead_probe_waiting_bytes(const struct ahead_probe *p)
{
    return strand_line_buffer_length(&p->stream->lines);
}

size_t ahead_probe_in_capacity(const struct ahead_probe *p)
{
    return p->stream->lines.capacity;
}

size_t ahead_probe_out_capacity(const struct ahead_probe *p)
{
    return p->stream->out.capacity;
}

bool ahead_probe_reads(const struct ahead_probe *p)
{
    return p->stream->reader.holder != 0;
}

uint64_t ahead_probe_unsent(const struct ahead_probe *p)
{
    return p->scheduler->unsent;
}

void ahead_probe_take_all(struct ahead_probe *p)
{
    CHECK(p->stream->ahead && !ahead_probe_reads(p));
    p->stream->lines.start = p->stream->lines.scanned = p->stream->lines.end;
}

void ahead_probe_add(struct ahead_probe *p, const char *text)
{
    CHECK(strand_out_buffer_put(&p->stream->out, text, strlen(text), true));
}
