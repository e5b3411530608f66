/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: descriptors and what is ready on them (epoll here, kqueue elsewhere; the same functions
 * in loop_<backend>.c). It knows no strands, only watches with a callback, which the caller embeds.
 * A descriptor is registered once, edge triggered, for both directions; after that the caller
 * tries, waits for the next event, and tries again. One thread at a time.
 */
#ifndef STRAND_LOOP_LOOP_H
#define STRAND_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum strand_loop_events {
    STRAND_LOOP_READABLE = 1,
    STRAND_LOOP_WRITABLE = 2,
    STRAND_LOOP_PRIORITY = 4,
    STRAND_LOOP_HANGUP = 8,     /* the peer's half or all of it is closed: read on to the end */
    STRAND_LOOP_ERROR = 16,
};

struct strand_loop;
struct strand_loop_watch;

/* What the owners of a kind of watch do. */
struct strand_loop_calls {
    void (*ready)(struct strand_loop_watch *watch, unsigned events);
    /* Brings into the cache what `ready` will touch beyond STRAND_LOOP_FETCH_BYTES from the watch
     * on, which have come when it is called; epoll's loop does. NULL: nothing. */
    void (*fetch)(const struct strand_loop_watch *watch);
};
enum { STRAND_LOOP_FETCH_BYTES = 128 };

struct strand_loop_watch {
    const struct strand_loop_calls *calls;
    int fd;
    uint32_t slot;        /* in the loop's table; UINT32_MAX while not watched */
};

/* -ENOMEM, -EMFILE, -ENFILE. */
int strand_loop_create(struct strand_loop **out);
/* Watches still there are not touched any more. */
void strand_loop_destroy(struct strand_loop *loop);

void strand_loop_watch_init(struct strand_loop_watch *watch, int fd,
                            const struct strand_loop_calls *calls);
static inline bool strand_loop_watched(const struct strand_loop_watch *watch)
{
    return watch->slot != UINT32_MAX;
}

/* Watches watch->fd for reading and writing (see also strand_loop_tells_urgent), edge triggered.
 * -EPERM for what is always ready (a regular file), -EEXIST when this descriptor is watched already, -ENOMEM, -ENOSPC. */
int strand_loop_add(struct strand_loop *loop, struct strand_loop_watch *watch);
/* As add, for the given events only, once; `ready` then finds it removed. */
int strand_loop_add_once(struct strand_loop *loop, struct strand_loop_watch *watch,
                         unsigned events);
/* Before the descriptor is closed. Events of the running batch that belong to it are dropped. No
 * harm when it is not watched. */
void strand_loop_remove(struct strand_loop *loop, struct strand_loop_watch *watch);

/* How many descriptors are watched. */
size_t strand_loop_count(const struct strand_loop *loop);

/*
 * Calls `ready` of each watch that has events, in the order the kernel reports them, after waiting
 * for at most timeout_ns (0: not at all, INT64_MAX: for ever; rounded up to what the kernel
 * resolves). Returns the number of calls; 0 also on EINTR.
 */
int strand_loop_poll(struct strand_loop *loop, int64_t timeout_ns);

/* Whether a watch for good is told of urgent data: epoll's; not on every BSD. */
extern const bool strand_loop_tells_urgent;

/* "epoll", "kqueue". */
extern const char strand_loop_name[];

#endif
