/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners and connections, as steps (wait.h). Addresses as include/strand/strand.h says. */
#ifndef STRAND_IO_LISTENER_H
#define STRAND_IO_LISTENER_H

#include "stream.h"

/* At a numeric address. */
int strand_listener_create(strand_scheduler *s, const char *address, int backlog,
                           strand_listener **out);
/* At the first of these that can be listened on; to be ended afterwards, whatever it gives. */
struct strand_resolving;
int strand_listen_step(struct strand *self, struct strand_resolving *names, int backlog,
                       strand_listener **out);
int strand_listener_name(strand_listener *l, char *text, size_t size);
int strand_accept_step(struct strand *self, strand_listener *l, int64_t deadline_ns,
                       strand_stream **out);
/* self stops in the middle of an accept (interrupted): the next one in. */
void strand_accept_give_up(struct strand *self, strand_listener *l);
/* Wakes the accepting strands with -EBADF, closes, frees. */
void strand_listener_destroy(strand_listener *l);
/* The same where self is of its scheduler: 0, -EPERM. */
int strand_listener_end(struct strand *self, strand_listener *l);

/* A connection being made: begin, then the step until it is not -EAGAIN; `connecting` is gone then.
 * Given up with strand_connect_abandon. */
struct strand_connecting;
int strand_connect_begin(strand_scheduler *s, const char *address, struct strand_connecting **out);
int strand_connect_step(struct strand *self, struct strand_connecting *connecting,
                        int64_t deadline_ns, strand_stream **out);
void strand_connect_abandon(struct strand *self, struct strand_connecting *connecting);

#endif
