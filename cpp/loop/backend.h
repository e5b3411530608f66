/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What loop.c and loop_<backend>.c share: the table of watches, and the calls between the two.
 *
 * The table is indexed by descriptor, so a watch's slot is its descriptor's number. An event
 * carries the slot and the generation it had when it was added: whatever the kernel still reports
 * for a watch that has gone, or for an earlier file of the same number, is dropped. A slot whose
 * watch was left behind when its descriptor was closed is taken over by the next one of that
 * number.
 */
#ifndef STRAND_LOOP_BACKEND_H
#define STRAND_LOOP_BACKEND_H

#include "loop.h"

struct strand_loop_entry {
    struct strand_loop_watch *watch;   /* NULL: free */
    uint32_t generation;
    uint8_t asked;                     /* strand_loop_events, of a watch that is for once; else 0 */
    uint8_t filters, ready, ends;      /* kqueue's: see there */
};

struct strand_loop {                   /* the first member of the backend's own */
    struct strand_loop_entry *table;
    size_t capacity, watched;
};

/* -- given by loop_<backend>.c -- */

/* Registers the descriptor for the events asked, or for both directions for good (0). `entry` is
 * its slot, still of a watch that was left behind or else is the reason for -EEXIST. Returns what
 * the entry shall have as `filters`, or -errno. */
int strand_loop_register(struct strand_loop *loop, const struct strand_loop_entry *entry, int fd,
                         uint32_t generation, unsigned asked);
/* The descriptor may be closed already. */
void strand_loop_unregister(struct strand_loop *loop, const struct strand_loop_entry *entry,
                            int fd);

/* -- given by loop.c -- */

/* The entry that an event is for; NULL when its watch has gone. */
static inline struct strand_loop_entry *strand_loop_find(const struct strand_loop *loop,
                                                         uint32_t slot, uint32_t generation)
{
    struct strand_loop_entry *entry = &loop->table[slot];
    return entry->watch && entry->generation == generation ? entry : NULL;
}

static inline void strand_loop_call(struct strand_loop *loop, struct strand_loop_entry *entry,
                                    unsigned events)
{
    struct strand_loop_watch *watch = entry->watch;
    if (entry->asked) {
        events &= entry->asked;
        strand_loop_remove(loop, watch);
    }
    watch->calls->ready(watch, events);
}

#endif
