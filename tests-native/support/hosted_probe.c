/* SPDX-License-Identifier: Apache-2.0 */
#include "hosted_probe.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "hosted.h"
#include "wait.h"

enum { MOST = 16 };
static const int64_t NAP_NS = 1000000;

struct body {
    struct strand *strand;
    strand_id id;
    const char *name, *script;
    int64_t deadline_ns;
};

struct probe_host {
    strand_scheduler *scheduler;
    char *log;
    struct body bodies[MOST];
    int count;
    int in_place_status;
};

struct probe_host *probe_host_create(strand_scheduler *s, char *log)
{
    struct probe_host *host = calloc(1, sizeof *host);
    host->scheduler = s;
    host->log = log;
    return host;
}

void probe_host_destroy(struct probe_host *host)
{
    free(host);
}

uint64_t probe_host_add(struct probe_host *host, const char *name, const char *script)
{
    struct body *body = &host->bodies[host->count];
    if (strand_hosted_create(strand_scheduler_held(), host->scheduler, name, &body->strand) < 0)
        return 0;
    body->id = body->strand->id;
    body->name = name;
    body->script = script;
    host->count++;
    return body->id;
}

int probe_host_ready(uint64_t id)
{
    return strand_hosted_ready(strand_scheduler_held(), id);
}

void probe_host_abandon(uint64_t id)
{
    strand_hosted_abandon(id);
}

/* The last one: an ended strand's block serves the next. */
static struct body *body_of(struct probe_host *host, const struct strand *strand)
{
    for (int i = host->count; i-- > 0;)
        if (host->bodies[i].strand == strand)
            return &host->bodies[i];
    return NULL;
}

static int sleep_step(struct body *body)
{
    if (!body->deadline_ns)
        body->deadline_ns = strand_clock_now_ns() + NAP_NS;
    int status = strand_sleep_step(body->strand, body->deadline_ns);
    if (status != -EAGAIN)
        body->deadline_ns = 0;
    return status;
}

static void *wake(void *body)
{
    CHECK(strand_scheduler_wake(NULL, ((struct body *)body)->id) == 0);
    return NULL;
}

static void wake_from_outside(struct body *body)
{
    pthread_t other;
    CHECK(pthread_create(&other, NULL, wake, body) == 0);
    CHECK(pthread_join(other, NULL) == 0);
}

/* One turn of a strand; what became of it. A letter is used up when its step is done. */
static enum strand_disposition turn(struct probe_host *host, struct body *body)
{
    struct body *elder = body > host->bodies ? body - 1 : body;
    int status = 0;
    strcat(host->log, body->name);
    switch (*body->script) {
    case 'y':
        body->script++;
        return STRAND_DISPOSED_YIELDED;
    case 'p':
        body->script++;
        return STRAND_DISPOSED_PARKED;
    case 'b':
        status = strand_park_step(body->strand, "probe", STRAND_FOREVER);
        break;
    case 's':
        status = sleep_step(body);
        break;
    case 'j':
        status = strand_join_step(body->strand, elder->id, STRAND_FOREVER, NULL);
        break;
    case 'w':
        strand_scheduler_wake(host->scheduler, elder->id);
        break;
    case 'i':
        while (sleep_step(body) == -EAGAIN)
            strand_hosted_wait_in_place(body->strand);
        break;
    case 'J':
        if (strand_join_step(body->strand, elder->id, STRAND_FOREVER, NULL) == -EAGAIN)
            host->in_place_status = strand_hosted_wait_in_place(body->strand);
        break;
    case 'c':
        CHECK(probe_host_ready(probe_host_add(host, "c", "f")) == 0);
        break;
    case 'o':
        wake_from_outside(body);
        break;
    case 'S':
        CHECK(sleep_step(body) == -EAGAIN);
        return STRAND_DISPOSED_FINISHED;
    default:
        return STRAND_DISPOSED_FINISHED;
    }
    if (status == -EAGAIN)
        return STRAND_DISPOSED_PARKED;
    body->script++;
    return turn(host, body);
}

int probe_host_run(struct probe_host *host, int *unparks)
{
    struct strand *strand = NULL;
    enum strand_disposition disposition = STRAND_DISPOSED_PARKED;
    int status = strand_scheduler_enter(host->scheduler);
    *unparks = 0;
    while (status == 0) {
        bool unpark = false;
        status = strand_hosted_next(host->scheduler, strand, disposition, &strand, &unpark);
        if (!strand)
            break;
        *unparks += unpark;
        disposition = turn(host, body_of(host, strand));
    }
    strand_scheduler_leave(host->scheduler);
    return status;
}

int probe_host_run_baton(struct probe_host *host, int *handed_back)
{
    struct strand *strand = NULL;
    enum strand_disposition disposition = STRAND_DISPOSED_PARKED;
    bool unpark;
    int status = strand_scheduler_enter(host->scheduler);
    *handed_back = 0;
    while (status == 0) {
        struct strand *next = NULL;
        if (!strand || strand_hosted_pass(host->scheduler, strand, disposition, &next) == 1) {
            *handed_back += strand != NULL;
            status = strand_hosted_next(host->scheduler, NULL, disposition, &next, &unpark);
        }
        strand = next;
        if (!strand)
            break;
        disposition = turn(host, body_of(host, strand));
    }
    strand_scheduler_leave(host->scheduler);
    return status;
}

int probe_host_join_in_place(struct probe_host *host)
{
    return host->in_place_status;
}

void probe_host_forget(struct probe_host *host)
{
    host->count = 0;
}

void probe_host_wear_out(uint64_t id)
{
    struct strand_slot *slot = strand_table_find(id);
    CHECK(slot);
    uint64_t generation = (uint64_t)STRAND_LAST_GENERATION << 32;
    atomic_store(&slot->word, generation | STRAND_POST_LIVE);
    strand_slot_strand(slot)->id = generation | strand_slot_number(slot);
}

uint64_t probe_host_id(const struct probe_host *host, int back)
{
    return host->bodies[host->count - 1 - back].id;
}
