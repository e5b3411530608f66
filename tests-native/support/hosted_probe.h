/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host of hosted strands, as small as can be: each has a script, one letter a turn, and each turn
 * appends the strand's name to a log.
 *
 *   y yield    f finish    p park, as the host's own waits do (readied by probe_host_ready)
 *   b strand_park_step     s sleep 1 ms     j join the strand created before it
 *   w wake the strand created before it     i sleep 1 ms in place, holding the carrier
 *   J join it in place          S begin to sleep 1 ms, and end in the middle of it
 *   c create one named c that finishes     o another thread wakes it: a post on its way
 */
#ifndef STRAND_TESTS_HOSTED_PROBE_H
#define STRAND_TESTS_HOSTED_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include <strand/strand.h>

struct probe_host;

struct probe_host *probe_host_create(strand_scheduler *s, char *log);
void probe_host_destroy(struct probe_host *host);
/* The new strand's id; 0 when refused. Not ready yet. */
uint64_t probe_host_add(struct probe_host *host, const char *name, const char *script);
int probe_host_ready(uint64_t id);                /* from outside */
void probe_host_abandon(uint64_t id);
/* The loop of an engine; the status that ended it. `*unparks`: how often the core asked for one. */
int probe_host_run(struct probe_host *host, int *unparks);
/* The same with every turn passed on by a holder that is not the carrier, where the core allows;
 * `*handed_back`: how often the carrier had to go on. */
int probe_host_run_baton(struct probe_host *host, int *handed_back);
/* What waiting in place said to a J, a join of the strand created before it. */
int probe_host_join_in_place(struct probe_host *host);

/* Makes room in the script book: none of the strands lives any more. */
void probe_host_forget(struct probe_host *host);
/* The next strand on the block of that one, which has ended, is to be its last. */
void probe_host_wear_out(uint64_t id);
/* The id of the strand that was created so many before the last. */
uint64_t probe_host_id(const struct probe_host *host, int back);

#endif
