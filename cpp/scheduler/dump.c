/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps: one line a strand. The holder writes them, since it alone may look at control blocks; a
 * dump that another thread asks for is written at the holder's next look outside. When the carrier
 * gives none of those for a second, the answer is that it is held.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "condition.h"
#include "scheduler.h"

static const int64_t ONE_SECOND_NS = 1000000000;

static void write_all(int fd, const char *text, size_t length)
{
    while (length) {
        ssize_t written = write(fd, text, length);
        if (written < 0 && errno != EINTR)
            return;
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
}

__attribute__((format(printf, 2, 3))) static void print(int fd, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof line) {      /* a reason is as long as its caller likes */
        length = sizeof line - 1;
        line[length - 1] = '\n';
    }
    if (length > 0)
        write_all(fd, line, (size_t)length);
}

struct dump {
    int64_t now_ns;
    int fd;
};

static void describe(struct strand *strand, void *context)
{
    const struct dump *dump = context;
    const char *kind = strand->kind == STRAND_HOSTED ? "hosted" : "native";
    const char *quote = strand_name(strand)[0] ? "\"" : "";
    const char *gap = strand_name(strand)[0] ? " " : "";
    strand_id id = strand_reveal(strand);
    if (strand->state == STRAND_PARKED && strand_armed(strand))
        print(dump->fd, "  strand %" PRIx64 "%s%s%s%s %s parked: %s, for %.3f s\n", id, gap,
              quote, strand_name(strand), quote, kind, strand->wait.reason,
              (double)(dump->now_ns - strand->wait.since_ns) / 1e9);
    else
        print(dump->fd, "  strand %" PRIx64 "%s%s%s%s %s %s\n", id, gap, quote,
              strand_name(strand), quote, kind, strand_state_name((enum strand_state)strand->state));
}

void strand_scheduler_write_dump(strand_scheduler *s, const char *why, int fd)
{
    struct dump dump = {.now_ns = strand_clock_now_ns(), .fd = fd};
    print(fd, "strand: %s (%" PRIu64 " strands, %" PRIu64 " arriving)\n", why,
          strand_scheduler_live(s), (uint64_t)atomic_load(&s->arriving));
    strand_scheduler_visit(s, describe, &dump);
}

void strand_scheduler_serve_dump(strand_scheduler *s)
{
    if (__atomic_load_n(&s->dump_fd, __ATOMIC_RELAXED) < 0)
        return;
    pthread_mutex_lock(&s->guest_lock);
    if (s->dump_fd >= 0)
        strand_scheduler_write_dump(s, "dump", s->dump_fd);
    __atomic_store_n(&s->dump_fd, -1, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&s->dump_served);
    pthread_mutex_unlock(&s->guest_lock);
}

/* Under guest_lock. */
static void ask_holder(strand_scheduler *s, int fd)
{
    while (s->dump_fd >= 0)
        pthread_cond_wait(&s->dump_served, &s->guest_lock);
    __atomic_store_n(&s->dump_fd, fd, __ATOMIC_RELAXED);
    strand_scheduler_nudge(s);
    int64_t deadline_ns = strand_clock_deadline_ns(strand_clock_now_ns(), ONE_SECOND_NS);
    int status = 0;
    while (s->dump_fd >= 0 && status == 0)
        status = strand_condition_wait_until(&s->dump_served, &s->guest_lock, deadline_ns);
    if (s->dump_fd >= 0) {
        __atomic_store_n(&s->dump_fd, -1, __ATOMIC_RELAXED);
        pthread_cond_broadcast(&s->dump_served);
        print(fd, "strand: no dump: the carrier has not looked outside for a second\n");
    }
}

void strand_scheduler_dump_from_anywhere(strand_scheduler *held, strand_scheduler *s, int fd)
{
    if (held == s) {
        strand_scheduler_write_dump(s, "dump", fd);
        return;
    }
    /* With nobody running it, the caller is the holder for a moment. */
    uint32_t idle = STRAND_IDLE;
    if (atomic_compare_exchange_strong(&s->running, &idle, STRAND_BEING_DUMPED)) {
        strand_inbox_drain(s);
        strand_scheduler_write_dump(s, "dump", fd);
        atomic_store(&s->running, STRAND_IDLE);
        return;
    }
    pthread_mutex_lock(&s->guest_lock);
    ask_holder(s, fd);
    pthread_mutex_unlock(&s->guest_lock);
}
