/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses that a text stands for: the one that it says in numbers, or all that the name of a
 * host has, looked up while the strand waits.
 *
 *   begin --> step, until it is not -EAGAIN --> next, next, ... --> end
 */
#ifndef STRAND_IO_RESOLVE_H
#define STRAND_IO_RESOLVE_H

#include "lookup.h"
#include "stream.h"

struct strand_resolving {
    struct strand_address address;     /* where the text says it */
    char *name;                        /* where it does not; NULL else */
    struct strand_lookup *lookup;      /* from the first step on */
    size_t given;                      /* so many by next */
};

/* 0; -EINVAL: neither an address nor a name with a port. */
int strand_resolve_begin(struct strand_resolving *r, const char *text);
/* 0: the first is known. Else as a step, and as strand_lookup_result. */
int strand_resolve_step(struct strand *self, struct strand_resolving *r, int64_t deadline_ns);
/* 0; -ENXIO: there is no further. */
int strand_resolve_next(struct strand_resolving *r, struct strand_address *out);
/* How many next has yet to give, once it can. */
size_t strand_resolve_left(const struct strand_resolving *r);
/* At any time after begin, also when that failed. */
void strand_resolve_end(struct strand_resolving *r);

/* Begins one on the heap: 0, -ENOMEM, or as begin. destroy ends it, which disarms self. */
int strand_resolve_create(const char *text, struct strand_resolving **out);
void strand_resolve_destroy(struct strand *self, struct strand_resolving *r);

#endif
