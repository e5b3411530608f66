/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps: one line a strand, and on request its stack. The holder writes them, since it alone may
 * look at control blocks; a dump that another thread asks for is written at the holder's next look
 * outside. When the carrier gives none of those for a second, the answer is that it is held, and by
 * whom.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backtrace.h"
#include "clock.h"
#include "condition.h"
#include "scheduler.h"
#include "segments.h"

static const int64_t ONE_SECOND_NS = 1000000000;

/* Of one segment; and so long, at most, is strand_context_call_under in assembly. */
enum { MOST_FRAMES = 64, UNDER_BYTES = 128 };

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
    bool stacks;
};

/* ---- Stacks ----------------------------------------------------------------------------------- */

struct frames {
    void *at[MOST_FRAMES];
    int count;
};

static void collect(void *context)
{
    struct frames *frames = context;
    frames->count = strand_backtrace(frames->at, MOST_FRAMES);
}

/* How many there are of the asking itself, the last of them strand_context_call_under. */
static int own_frames(const struct frames *frames)
{
    uintptr_t under = (uintptr_t)strand_context_call_under;
    for (int i = 0; i < frames->count; i++)
        if ((uintptr_t)frames->at[i] - under < UNDER_BYTES)
            return i + 1;
    return frames->count;
}

/* False: this kind of context, or this system, has none to show. */
static bool print_frames(int fd, const struct strand_context *parked)
{
    struct frames frames = {.count = 0};
    if (!strand_context_call_under(parked, collect, &frames))
        return false;
    int first = own_frames(&frames);
    char **names = strand_backtrace_names(frames.at + first, frames.count - first);
    if (!names)
        return false;
    for (int i = 0; i < frames.count - first; i++)
        print(fd, "      at %s\n", names[i]);
    if (frames.count == MOST_FRAMES)
        print(fd, "      ...\n");
    free(names);
    return true;
}

/* Native, and not running: of each segment, the innermost first. A hosted strand's is its host's. */
static void print_stack(int fd, const struct strand *strand)
{
    if (strand->kind == STRAND_HOSTED || strand->state == STRAND_RUNNING)
        return;
    bool shown = print_frames(fd, &strand->context);
    const struct strand_segment *segment = strand_segments_inner(strand);
    for (; shown && segment; segment = segment->outer)
        shown = print_frames(fd, &segment->outer_context);
    if (!shown)
        print(fd, "      (its stack cannot be shown here)\n");
}

/* ---- Lines ------------------------------------------------------------------------------------ */

static void describe(struct strand *strand, void *context)
{
    const struct dump *dump = context;
    const char *kind = strand->kind == STRAND_HOSTED ? "hosted" : "native";
    const char *quote = strand_name(strand)[0] ? "\"" : "";
    const char *gap = strand_name(strand)[0] ? " " : "";
    strand_id id = strand_reveal(strand);
    if (strand->state == STRAND_PARKED && strand_armed(strand))
        print(dump->fd, "  strand %" PRIx64 "%s%s%s%s %s parked: %s, for %.3f s\n", id, gap,
              quote, strand_name(strand), quote, kind, strand_wait_of(strand)->reason,
              (double)(dump->now_ns - strand_wait_of(strand)->since_ns) / 1e9);
    else
        print(dump->fd, "  strand %" PRIx64 "%s%s%s%s %s %s\n", id, gap, quote,
              strand_name(strand), quote, kind, strand_state_name((enum strand_state)strand->state));
    if (dump->stacks)
        print_stack(dump->fd, strand);
}

static void write_dump(strand_scheduler *s, const char *why, int fd, bool stacks)
{
    struct dump dump = {.now_ns = strand_clock_now_ns(), .fd = fd, .stacks = stacks};
    print(fd, "strand: %s (%" PRIu64 " strands, %" PRIu64 " arriving)\n", why,
          strand_scheduler_live(s), (uint64_t)atomic_load(&s->arriving));
    strand_scheduler_visit(s, describe, &dump);
}

void strand_scheduler_write_dump(strand_scheduler *s, const char *why, int fd)
{
    write_dump(s, why, fd, false);
}

/* ---- For others ------------------------------------------------------------------------------- */

void strand_scheduler_serve_dump(strand_scheduler *s)
{
    if (__atomic_load_n(&s->dump_fd, __ATOMIC_RELAXED) < 0)
        return;
    pthread_mutex_lock(&s->guest_lock);
    if (s->dump_fd >= 0)
        write_dump(s, "dump", s->dump_fd, s->dump_stacks);
    __atomic_store_n(&s->dump_fd, -1, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&s->dump_served);
    pthread_mutex_unlock(&s->guest_lock);
}

struct request {
    strand_scheduler *scheduler;
    int fd;
};

static void write_stacks(void *context)
{
    const struct request *request = context;
    write_dump(request->scheduler, "dump", request->fd, true);
}

/* The unwinder, above all its first time, takes more stack than a strand may have. */
static void write_own(strand_scheduler *s, int fd, bool stacks)
{
    struct request request = {s, fd};
    if (stacks && s->current)
        strand_scheduler_call_on_carrier(s, write_stacks, &request);
    else
        write_dump(s, "dump", fd, stacks);
}

/* Of a carrier that has made no switch in the meantime, so that it is not going anywhere just now.
 * Should it switch all the same, the block stays: it is unmapped under guest_lock only. */
__attribute__((no_sanitize("thread"))) static struct strand *current_of(const strand_scheduler *s)
{
    return s->current;
}

/* Under guest_lock; said behind it, since the carrier may come to wait for that. */
static void note_who_holds_it(strand_scheduler *s, uint64_t switches_before, char *line,
                              size_t size)
{
    struct strand *who = current_of(s);
    if (strand_scheduler_switches(s) != switches_before)
        snprintf(line, size, "strand: no dump: the carrier has not looked outside for a second\n");
    else if (who)
        snprintf(line, size,
                 "strand: no dump: strand %" PRIx64 " \"%s\" has held the carrier for a second\n",
                 strand_reveal(who), strand_name(who));
    else
        snprintf(line, size, "strand: no dump: the carrier has been held for a second\n");
}

/* Under guest_lock. `line`: blank, or what to say instead of a dump. */
static void ask_holder(strand_scheduler *s, int fd, bool stacks, char *line, size_t size)
{
    while (s->dump_fd >= 0)
        pthread_cond_wait(&s->dump_served, &s->guest_lock);
    s->dump_stacks = stacks;
    __atomic_store_n(&s->dump_fd, fd, __ATOMIC_RELAXED);
    strand_scheduler_nudge(s);
    int64_t deadline_ns = strand_clock_deadline_ns(strand_clock_now_ns(), ONE_SECOND_NS);
    uint64_t switches = strand_scheduler_switches(s);
    int status = 0;
    while (s->dump_fd >= 0 && status == 0)
        status = strand_condition_wait_until(&s->dump_served, &s->guest_lock, deadline_ns);
    if (s->dump_fd >= 0) {
        __atomic_store_n(&s->dump_fd, -1, __ATOMIC_RELAXED);
        pthread_cond_broadcast(&s->dump_served);
        note_who_holds_it(s, switches, line, size);
    }
}

void strand_scheduler_dump_from_anywhere(strand_scheduler *held, strand_scheduler *s, int fd,
                                         bool stacks)
{
    if (held == s) {
        write_own(s, fd, stacks);
        return;
    }
    /* With nobody running it, the caller is the holder for a moment. */
    uint32_t idle = STRAND_IDLE;
    if (atomic_compare_exchange_strong(&s->running, &idle, STRAND_BEING_DUMPED)) {
        strand_inbox_drain(s);
        write_dump(s, "dump", fd, stacks);
        atomic_store(&s->running, STRAND_IDLE);
        return;
    }
    char line[128] = "";
    pthread_mutex_lock(&s->guest_lock);
    ask_holder(s, fd, stacks, line, sizeof line);
    pthread_mutex_unlock(&s->guest_lock);
    write_all(fd, line, strlen(line));
}
