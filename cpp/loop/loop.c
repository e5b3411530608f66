/* SPDX-License-Identifier: Apache-2.0 */
/* The table of watches, the same over every kernel. */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>

#include "backend.h"
#include "check.h"

enum { FIRST_CAPACITY = 64 };

void strand_loop_watch_init(struct strand_loop_watch *watch, int fd,
                            const struct strand_loop_calls *calls)
{
    watch->calls = calls;
    watch->fd = fd;
    watch->slot = UINT32_MAX;
}

static int make_room_for(struct strand_loop *loop, size_t slot)
{
    if (slot < loop->capacity)
        return 0;
    size_t capacity = loop->capacity ? loop->capacity : FIRST_CAPACITY;
    while (capacity <= slot)
        capacity *= 2;
    struct strand_loop_entry *larger = realloc(loop->table, capacity * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    for (size_t i = loop->capacity; i < capacity; i++)
        larger[i] = (struct strand_loop_entry){0};
    loop->table = larger;
    loop->capacity = capacity;
    return 0;
}

static void forget(struct strand_loop *loop, struct strand_loop_entry *entry)
{
    entry->watch->slot = UINT32_MAX;
    entry->watch = NULL;
    loop->watched--;
}

static int add(struct strand_loop *loop, struct strand_loop_watch *watch, unsigned asked)
{
    if (watch->fd < 0)
        return -EBADF;
    CHECK(!strand_loop_watched(watch));
    uint32_t slot = (uint32_t)watch->fd;
    int status = make_room_for(loop, slot);
    if (status != 0)
        return status;
    struct strand_loop_entry *entry = &loop->table[slot];
    uint32_t generation = entry->generation + 1;
    status = strand_loop_register(loop, entry, watch->fd, generation, asked);
    if (status < 0)
        return status;
    if (entry->watch)
        forget(loop, entry);
    *entry = (struct strand_loop_entry){
        .watch = watch, .generation = generation, .asked = (uint8_t)asked,
        .filters = (uint8_t)status,
    };
    watch->slot = slot;
    loop->watched++;
    return 0;
}

int strand_loop_add(struct strand_loop *loop, struct strand_loop_watch *watch)
{
    return add(loop, watch, 0);
}

int strand_loop_add_once(struct strand_loop *loop, struct strand_loop_watch *watch, unsigned events)
{
    return add(loop, watch, events | STRAND_LOOP_HANGUP | STRAND_LOOP_ERROR);
}

void strand_loop_remove(struct strand_loop *loop, struct strand_loop_watch *watch)
{
    if (!strand_loop_watched(watch))
        return;
    struct strand_loop_entry *entry = &loop->table[watch->slot];
    CHECK(entry->watch == watch);
    strand_loop_unregister(loop, entry, watch->fd);
    forget(loop, entry);
}

size_t strand_loop_count(const struct strand_loop *loop)
{
    return loop->watched;
}
