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
    if (key >= self->local_count) {
        if (!value)
            return 0;
        void **locals = realloc(self->locals, (key + 1) * sizeof *locals);
        if (!locals)
            return -ENOMEM;
        memset(locals + self->local_count, 0, (key + 1 - self->local_count) * sizeof *locals);
        self->locals = locals;
        self->local_count = key + 1;
    }
    self->locals[key] = value;
    return 0;
}

void *strand_locals_get(const struct strand *self, strand_key key)
{
    return key < self->local_count ? self->locals[key] : NULL;
}

static bool destroy_round(struct strand *self)
{
    bool any = false;
    for (uint32_t key = 0; key < self->local_count; key++) {
        void *value = self->locals[key];
        if (!value || !destructors[key])
            continue;
        self->locals[key] = NULL;
        destructors[key](value);
        any = true;
    }
    return any;
}

/* A destructor may set locals anew; like pthread_key_create(3), a few rounds, then no more. */
void strand_locals_destroy(struct strand *self)
{
    for (int round = 0; round < DESTROY_ROUNDS && destroy_round(self); round++)
        continue;
    free(self->locals);
    self->locals = NULL;
    self->local_count = 0;
}

int strand_deferred_push(struct strand *self, void (*fn)(void *), void *arg)
{
    struct strand_deferred *deferred = malloc(sizeof *deferred);
    if (!deferred)
        return -ENOMEM;
    *deferred = (struct strand_deferred){.next = self->deferred, .fn = fn, .arg = arg};
    self->deferred = deferred;
    return 0;
}

void strand_deferred_run(struct strand *self)
{
    self->deferring = 1;
    while (self->deferred) {
        struct strand_deferred deferred = *self->deferred;
        free(self->deferred);
        self->deferred = deferred.next;
        deferred.fn(deferred.arg);
    }
}
