/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to a strand and goes with it: locals by key, and defers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

enum { MOST_KEYS = 1024, DESTROY_ROUNDS = 4 };

/* A key's destructor is stored before the key is given out, and never changes. */
static void (*destructors[MOST_KEYS])(void *);
static uint32_t keys_made;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int strand_locals_create_key(void (*destroy)(void *), strand_key *key)
{
    int status = -EAGAIN;
    pthread_mutex_lock(&lock);
    if (keys_made < MOST_KEYS) {
        destructors[keys_made] = destroy;
        *key = keys_made;
        __atomic_store_n(&keys_made, keys_made + 1, __ATOMIC_RELEASE);
        status = 0;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

int strand_locals_set(struct strand *self, strand_key key, void *value)
{
    if (key >= __atomic_load_n(&keys_made, __ATOMIC_ACQUIRE))
        return -EINVAL;
    struct strand_extras *extras = strand_extras(self);
    if (key >= extras->local_count) {
        if (!value)
            return 0;
        void **locals = realloc(extras->locals, (key + 1) * sizeof *locals);
        if (!locals)
            return -ENOMEM;
        memset(locals + extras->local_count, 0, (key + 1 - extras->local_count) * sizeof *locals);
        extras->locals = locals;
        extras->local_count = key + 1;
    }
    extras->locals[key] = value;
    return 0;
}

void *strand_locals_get(const struct strand *self, strand_key key)
{
    return self->has_extras && key < self->extras.local_count ? self->extras.locals[key] : NULL;
}

static bool destroy_round(struct strand_extras *extras)
{
    bool any = false;
    for (uint32_t key = 0; key < extras->local_count; key++) {
        void *value = extras->locals[key];
        if (!value || !destructors[key])
            continue;
        extras->locals[key] = NULL;
        destructors[key](value);
        any = true;
    }
    return any;
}

/* A destructor may set locals anew; like pthread_key_create(3), a few rounds, then no more. */
static void destroy_locals(struct strand_extras *extras)
{
    for (int round = 0; round < DESTROY_ROUNDS && destroy_round(extras); round++)
        continue;
    free(extras->locals);
    extras->locals = NULL;
    extras->local_count = 0;
}

int strand_deferred_push(struct strand *self, void (*fn)(void *), void *arg)
{
    struct strand_extras *extras = strand_extras(self);
    struct strand_deferred *deferred = malloc(sizeof *deferred);
    if (!deferred)
        return -ENOMEM;
    *deferred = (struct strand_deferred){.next = extras->deferred, .fn = fn, .arg = arg};
    extras->deferred = deferred;
    return 0;
}

static void run_deferred(struct strand_extras *extras)
{
    while (extras->deferred) {
        struct strand_deferred deferred = *extras->deferred;
        free(extras->deferred);
        extras->deferred = deferred.next;
        deferred.fn(deferred.arg);
    }
}

void strand_belongings_end(struct strand *self)
{
    self->deferring = 1;
    do {
        run_deferred(&self->extras);
        destroy_locals(&self->extras);
    } while (self->extras.deferred);      /* by a local's destructor */
}
