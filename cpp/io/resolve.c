/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"

int strand_resolve_begin(struct strand_resolving *r, const char *text)
{
    *r = (struct strand_resolving){0};
    int status = strand_address_parse(text, &r->address);
    if (status != -EINVAL || !strand_address_is_name(text))
        return status;
    r->name = strdup(text);
    return r->name ? 0 : -ENOMEM;
}

/* On the thread that looked it up. */
static void wake(uint64_t id)
{
    (void)strand_scheduler_retry(id);      /* -ESRCH: it has ended */
}

static int begin_lookup(struct strand *self, struct strand_resolving *r)
{
    struct strand_io *io = strand_io_of(self->scheduler);
    int status = io->lookups ? 0 : strand_lookups_create(&io->lookups);
    if (status < 0)
        return status;
    return strand_lookup_begin(io->lookups, r->name, wake, strand_reveal(self), &r->lookup);
}

int strand_resolve_step(struct strand *self, struct strand_resolving *r, int64_t deadline_ns)
{
    int status = 0;
    if (!r->name)
        return 0;
    if (!r->lookup)
        status = begin_lookup(self, r);
    if (status == 0)
        status = strand_lookup_result(r->lookup);
    if (status == -EAGAIN)
        return strand_wait_arm(self, NULL, "a name's addresses", deadline_ns, STRAND_WAIT_OUTSIDE);
    strand_wait_done(self);
    return status;
}

int strand_resolve_next(struct strand_resolving *r, struct strand_address *out)
{
    if (r->name)
        return strand_lookup_address(r->lookup, r->given++, out);
    if (r->given++ > 0)
        return -ENXIO;
    *out = r->address;
    return 0;
}

size_t strand_resolve_left(const struct strand_resolving *r)
{
    struct strand_address one;
    size_t left = 0;
    if (!r->name)
        return r->given == 0;
    while (strand_lookup_address(r->lookup, r->given + left, &one) == 0)
        left++;
    return left;
}

void strand_resolve_end(struct strand_resolving *r)
{
    if (r->lookup)
        strand_lookup_end(r->lookup);
    free(r->name);
    *r = (struct strand_resolving){0};
}

int strand_resolve_create(const char *text, struct strand_resolving **out)
{
    struct strand_resolving *r = malloc(sizeof *r);
    if (!r)
        return -ENOMEM;
    int status = strand_resolve_begin(r, text);
    if (status < 0) {
        strand_resolve_end(r);
        free(r);
        return status;
    }
    *out = r;
    return 0;
}

void strand_resolve_destroy(struct strand *self, struct strand_resolving *r)
{
    strand_wait_done(self);
    strand_resolve_end(r);
    free(r);
}
