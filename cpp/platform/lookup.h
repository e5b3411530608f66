/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of hosts, looked up by getaddrinfo(3), which blocks for as long as a name server takes: on
 * threads of their own, a few at a time, which end when nothing is left to look up.
 *
 *   begin --> [ queue ] --> a thread: getaddrinfo --> done(argument), there
 *                |                        |
 *   end:    taken out             left to the thread, which frees it when it is back
 *
 * A group belongs to one thread, but for `done`, which is called on another and must not block. It
 * may be closed, and what was begun ended, at any time: nobody waits for a name server.
 */
#ifndef STRAND_PLATFORM_LOOKUP_H
#define STRAND_PLATFORM_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct strand_lookups;
struct strand_lookup;

int strand_lookups_create(struct strand_lookups **out);   /* 0, -ENOMEM */
/* After the last end. */
void strand_lookups_close(struct strand_lookups *group);

/* `text` as strand_address_is_name has it. 0; -ENOMEM, also where no thread can be had. */
int strand_lookup_begin(struct strand_lookups *group, const char *text,
                        void (*done)(uint64_t argument), uint64_t argument,
                        struct strand_lookup **out);
/*
 * -EAGAIN: not yet. 0: the name has addresses. -ENXIO: it has none; -ENETUNREACH: no name server
 * says so, for now; -EIO: nor ever; -ENOMEM, -EMFILE and what else keeps it from asking.
 */
int strand_lookup_result(struct strand_lookup *lookup);
/* After 0, the index-th address: 0; -ENXIO: there are no more. */
int strand_lookup_address(const struct strand_lookup *lookup, size_t index,
                          struct strand_address *out);
void strand_lookup_end(struct strand_lookup *lookup);

#endif
