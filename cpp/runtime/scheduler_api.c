/* SPDX-License-Identifier: Apache-2.0 */
/* strand_scheduler_*: the public header's part about schedulers. */
#include <errno.h>
#include <string.h>

#include <strand/strand.h>

#include "clock.h"
#include "scheduler.h"
#include "stream.h"

int64_t strand_now_ns(void)
{
    return strand_clock_now_ns();
}

int strand_scheduler_init(const struct strand_scheduler_options *options, strand_scheduler **out)
{
    strand_scheduler *s;
    if (!out)
        return -EINVAL;
    int status = strand_scheduler_create(options, &s);
    if (status < 0)
        return status;
    status = strand_io_attach(s);
    if (status < 0) {
        strand_scheduler_destroy(s);
        return status;
    }
    *out = s;
    return 0;
}

/* NULL: the calling strand's own. */
static int resolve(strand_scheduler **s)
{
    if (!*s)
        *s = strand_scheduler_held();
    return *s ? 0 : -EPERM;
}

int strand_scheduler_run(strand_scheduler *s)
{
    struct strand *hosted;
    int status = resolve(&s);
    if (status == 0)
        status = strand_scheduler_enter(s);
    if (status < 0)
        return status;
    status = strand_scheduler_turn(s, &hosted);
    CHECK(!hosted);
    strand_scheduler_leave(s);
    return status;
}

int strand_scheduler_stop(strand_scheduler *s)
{
    int status = resolve(&s);
    if (status == 0)
        strand_scheduler_request_stop(s);
    return status;
}

/* What has not ended yet is told to, and run until it has. */
static int end_strands(strand_scheduler *s)
{
    struct strand *hosted;
    int status = strand_scheduler_enter(s);
    if (status < 0)
        return status;
    strand_scheduler_request_stop(s);
    strand_scheduler_turn(s, &hosted);
    strand_scheduler_leave(s);
    return 0;
}

int strand_scheduler_shutdown(strand_scheduler *s)
{
    if (!s)
        return -EINVAL;
    if (s->fork_epoch != strand_fork_epoch())
        return -EPERM;
    if (atomic_load(&s->running))
        return -EBUSY;
    if (!s->grace_spent && (strand_scheduler_live(s) || atomic_load(&s->arriving) || s->unsent)) {
        int status = end_strands(s);
        if (status < 0)
            return status;
    }
    if (strand_scheduler_live(s) || atomic_load(&s->arriving))
        return strand_scheduler_abandon(s);
    s->hooks.close(s);
    strand_scheduler_destroy(s);
    return 0;
}

/* Up to and with `guards`: what the first version had. */
#define FIRST_STATS_BYTES                                                                          \
    (offsetof(struct strand_scheduler_stats, guards) + sizeof(const char *))

int strand_scheduler_stats(strand_scheduler *s, struct strand_scheduler_stats *out)
{
    struct strand_scheduler_stats stats = {.size = sizeof stats};
    int status = resolve(&s);
    if (status < 0)
        return status;
    if (!out || out->size < FIRST_STATS_BYTES)
        return -EINVAL;
    strand_scheduler_count(s, &stats);
    strand_io_count(s, &stats);
    stats.size = out->size;
    memcpy(out, &stats, stats.size < sizeof stats ? stats.size : sizeof stats);
    return 0;
}

void strand_scheduler_dump(strand_scheduler *s, int fd)
{
    if (resolve(&s) == 0)
        strand_scheduler_dump_from_anywhere(strand_scheduler_held(), s, fd, false);
}

void strand_scheduler_dump_stacks(strand_scheduler *s, int fd)
{
    if (resolve(&s) == 0)
        strand_scheduler_dump_from_anywhere(strand_scheduler_held(), s, fd, true);
}
