/* SPDX-License-Identifier: Apache-2.0 */
/* strand_*: the public header's part about strands. */
#include <strand/strand.h>

#include "clock.h"
#include "self.h"

int strand_spawn(strand_scheduler *s, strand_entry entry, void *argument, strand_id *id)
{
    return strand_scheduler_spawn_plain(s, entry, argument, id);
}

int strand_spawn_with(strand_scheduler *s, const struct strand_options *options,
                      strand_entry entry, void *argument, strand_id *id)
{
    return strand_scheduler_spawn(strand_scheduler_held(), s, options, entry, argument, id);
}

void strand_yield(void)
{
    strand_scheduler_yield();
}

strand_id strand_self(void)
{
    struct strand *self = strand_calling();
    return self ? strand_reveal(self) : 0;
}

void strand_exit(void *result)
{
    struct strand *self = strand_calling();
    CHECK(self && !self->deferring);
    if (result)
        strand_extras(self)->result = result;
    strand_scheduler_finish(self);
}

int strand_join(strand_id id, int64_t deadline_ns, void **result)
{
    struct strand *self = strand_calling();
    return STRAND_AWAIT(self, strand_join_step(self, id, deadline_ns, result));
}

int strand_cancel(strand_id id)
{
    return strand_scheduler_cancel(strand_scheduler_held(), id);
}

int strand_wake(strand_id id)
{
    return strand_scheduler_wake(strand_scheduler_held(), id);
}

int strand_sleep_until(int64_t deadline_ns)
{
    struct strand *self = strand_calling();
    return STRAND_AWAIT(self, strand_sleep_step(self, deadline_ns));
}

int strand_sleep(int64_t duration_ns)
{
    struct strand *self = strand_calling();
    if (!self)
        return -EPERM;
    if (duration_ns <= 0) {
        strand_yield();
        return 0;
    }
    return strand_sleep_until(strand_clock_deadline_ns(strand_clock_now_ns(), duration_ns));
}

int strand_park(const char *reason, int64_t deadline_ns)
{
    struct strand *self = strand_calling();
    return STRAND_AWAIT(self, strand_park_step(self, reason, deadline_ns));
}

int strand_defer(void (*fn)(void *), void *arg)
{
    struct strand *self = strand_calling();
    if (!self)
        return -EPERM;
    return fn ? strand_deferred_push(self, fn, arg) : -EINVAL;
}

int strand_key_create(void (*destroy)(void *), strand_key *key)
{
    return key ? strand_locals_create_key(destroy, key) : -EINVAL;
}

int strand_set_local(strand_key key, void *value)
{
    struct strand *self = strand_calling();
    return self ? strand_locals_set(self, key, value) : -EPERM;
}

void *strand_local(strand_key key)
{
    struct strand *self = strand_calling();
    return self ? strand_locals_get(self, key) : NULL;
}

int strand_wait_fd(int fd, unsigned events, int64_t deadline_ns)
{
    struct strand_fd_wait wait;
    struct strand *self = strand_calling();
    if (!self)
        return -EPERM;
    strand_fd_wait_init(&wait, self, fd, events);
    int status = STRAND_AWAIT(self, strand_fd_wait_step(&wait, deadline_ns));
    strand_fd_wait_close(&wait);
    return status;
}

int strand_call_on_carrier(void (*fn)(void *), void *arg)
{
    struct strand *self = strand_calling();
    if (!self)
        return -EPERM;
    return fn ? strand_scheduler_call_on_carrier(self->scheduler, fn, arg) : -EINVAL;
}
