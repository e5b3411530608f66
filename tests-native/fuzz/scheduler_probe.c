/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler_probe.h"

#include <fcntl.h>
#include <unistd.h>

#include "scheduler.h"

/* The linker's --wrap: references to NAME come here, __real_NAME is the library's. */
int64_t __wrap_strand_clock_now_ns(void);
int __wrap_strand_loop_poll(struct strand_loop *loop, int64_t timeout_ns);
int __real_strand_loop_poll(struct strand_loop *loop, int64_t timeout_ns);
void __wrap_strand_scheduler_write_dump(strand_scheduler *s, const char *why, int fd);
void __real_strand_scheduler_write_dump(strand_scheduler *s, const char *why, int fd);

int64_t __wrap_strand_clock_now_ns(void)
{
    return probe_clock_ns();
}

int __wrap_strand_loop_poll(struct strand_loop *loop, int64_t timeout_ns)
{
    probe_wait(timeout_ns);
    return __real_strand_loop_poll(loop, 0);
}

void __wrap_strand_scheduler_write_dump(strand_scheduler *s, const char *why, int fd)
{
    (void)fd;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    __real_strand_scheduler_write_dump(s, why, nowhere);
    close(nowhere);
}

strand_scheduler *probe_let_go(void)
{
    strand_scheduler *held = strand_scheduler_held();
    strand_scheduler_hold(NULL);
    return held;
}

void probe_hold(strand_scheduler *s)
{
    strand_scheduler_hold(s);
}

void probe_nudge(strand_scheduler *s)
{
    strand_scheduler_nudge(s);
}

struct visitor {
    void (*visit)(void *argument, void *context);
    void *context;
};

static void visit_one(struct strand *strand, void *context)
{
    const struct visitor *visitor = context;
    visitor->visit(strand->argument, visitor->context);
}

void probe_visit(strand_scheduler *s, void (*visit)(void *argument, void *context), void *context)
{
    struct visitor visitor = {visit, context};
    strand_scheduler_visit(s, visit_one, &visitor);
}
