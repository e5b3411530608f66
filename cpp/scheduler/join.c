/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins. Within a scheduler a joiner stands in the joined strand's own list. A strand of another
 * scheduler is watched instead: a record in one process-wide list, and a bit in the table entry
 * that tells its carrier to look there at the end. Such joins are rare, so one lock serves them
 * all.
 */
#include <errno.h>
#include <stdlib.h>

#include "scheduler.h"
#include "wait.h"

struct strand_watch {
    struct strand_link link;      /* in `watches`, until it ended */
    strand_id target, joiner;
    bool ended;
    void *result;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct strand_list watches = {{&watches.head, &watches.head}};

void strand_joiners_wake(struct strand *strand, void *result)
{
    struct strand_link *link;
    while ((link = strand_list_first(&strand_known_extras(strand)->joiners))) {
        struct strand *joiner = strand_of_wait_link(link);
        struct strand_extras *extras = strand_known_extras(joiner);
        extras->joined = strand->id;
        extras->joined_result = result;
        strand_wait_wake(joiner);
    }
}

void strand_watchers_wake(strand_scheduler *s, struct strand_slot *slot, strand_id id, void *result)
{
    bool any = false;
    pthread_mutex_lock(&lock);
    struct strand_link *link = watches.head.next;
    while (link != &watches.head) {
        struct strand_watch *watch = CONTAINER_OF(link, struct strand_watch, link);
        link = link->next;
        if (watch->target != id)
            continue;
        strand_link_remove(&watch->link);
        watch->ended = true;
        watch->result = result;
        strand_scheduler_retry(watch->joiner);
        any = true;
    }
    if (any)      /* it has been handed on: not kept for another join */
        strand_slot_take_result(&s->slots, slot, id, &result);
    pthread_mutex_unlock(&lock);
}

/* Drops self's watch; what it had found in *ended. */
static void drop_watch(struct strand *self, bool *ended, void **result)
{
    struct strand_watch *watch = strand_known_extras(self)->watch;
    pthread_mutex_lock(&lock);
    strand_link_remove(&watch->link);
    *ended = watch->ended;
    *result = watch->result;
    pthread_mutex_unlock(&lock);
    strand_known_extras(self)->watch = NULL;
    free(watch);
}

void strand_join_forget(struct strand *self)
{
    bool ended;
    void *result;
    if (self->has_extras && strand_known_extras(self)->watch)
        drop_watch(self, &ended, &result);
}

/* 1: watching; 0: it ended before. */
static int begin_watch(struct strand *self, struct strand_slot *slot, strand_id id)
{
    struct strand_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return -ENOMEM;
    watch->target = id;
    watch->joiner = strand_reveal(self);
    strand_link_init(&watch->link);
    pthread_mutex_lock(&lock);
    bool alive = strand_slot_watch(slot, id);
    if (alive)
        strand_list_append(&watches, &watch->link);
    pthread_mutex_unlock(&lock);
    if (!alive) {
        free(watch);
        return 0;
    }
    strand_known_extras(self)->watch = watch;
    return 1;
}

static bool watch_has_ended(const struct strand_watch *watch)
{
    pthread_mutex_lock(&lock);
    bool ended = watch->ended;
    pthread_mutex_unlock(&lock);
    return ended;
}

static int join_ended(struct strand *self, struct strand_slot *slot, strand_id id, void **result)
{
    *result = NULL;
    strand_slot_take_result(&self->scheduler->slots, slot, id, result);
    strand_wait_done(self);
    return 0;
}

static int join_elsewhere(struct strand *self, struct strand_slot *slot, strand_id id,
                          int64_t deadline_ns, void **result)
{
    bool ended;
    struct strand_extras *extras = strand_known_extras(self);
    if (extras->watch && extras->watch->target != id)
        strand_join_forget(self);
    if (!extras->watch) {
        int status = begin_watch(self, slot, id);
        if (status <= 0)
            return status < 0 ? status : join_ended(self, slot, id, result);
    }
    if (!watch_has_ended(extras->watch)) {
        int status = strand_wait_arm(self, NULL, "join, another scheduler's", deadline_ns,
                                     STRAND_WAIT_OUTSIDE);
        if (status != -EAGAIN)
            strand_join_forget(self);
        return status;
    }
    drop_watch(self, &ended, result);
    strand_wait_done(self);
    return 0;
}

static int join_here(struct strand *self, struct strand *other, int64_t deadline_ns)
{
    struct strand_extras *extras = strand_extras(other);
    if (!extras)
        return -ENOMEM;
    return strand_wait_arm(self, &extras->joiners, "join", deadline_ns, STRAND_WAIT_INSIDE);
}

int strand_join_step(struct strand *self, strand_id id, int64_t deadline_ns, void **result)
{
    void *ignored;
    if (!result)
        result = &ignored;
    if (id == self->id)
        return -EDEADLK;
    struct strand_extras *extras = strand_extras(self);
    if (!extras)
        return -ENOMEM;
    if (id && extras->joined == id) {
        *result = extras->joined_result;
        extras->joined = 0;
        strand_wait_done(self);
        return 0;
    }
    struct strand_slot *slot = strand_table_find(id);
    if (!slot || !strand_slot_knew(slot, id))
        return -ESRCH;
    if (extras->watch && extras->watch->target == id)
        return join_elsewhere(self, slot, id, deadline_ns, result);
    if (strand_slot_is_of(slot, id, self->scheduler))
        return join_here(self, strand_slot_strand(slot), deadline_ns);
    if (!strand_slot_is(slot, id))
        return join_ended(self, slot, id, result);
    return join_elsewhere(self, slot, id, deadline_ns, result);
}

int strand_park_step(struct strand *self, const char *reason, int64_t deadline_ns)
{
    if (self->permit) {
        self->permit = 0;
        strand_wait_done(self);
        return 0;
    }
    return strand_wait_arm(self, NULL, reason ? reason : "parked", deadline_ns, STRAND_WAIT_BARE);
}

int strand_sleep_step(struct strand *self, int64_t deadline_ns)
{
    int status = strand_wait_arm(self, NULL, "sleep", deadline_ns, STRAND_WAIT_OUTSIDE);
    return status == -ETIMEDOUT ? 0 : status;
}
