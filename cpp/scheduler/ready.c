/* SPDX-License-Identifier: Apache-2.0 */
#include "ready.h"

#include <errno.h>
#include <stdlib.h>

#include "table.h"

enum {
    FIRST_PLACES = 64,
    KEPT_PLACES = 1024,      /* of a larger ring that has run empty: those who wait need none */
};

int strand_ready_init(struct strand_ready_queue *queue)
{
    *queue = (struct strand_ready_queue){0};
    queue->ring = calloc(FIRST_PLACES, sizeof *queue->ring);
    if (!queue->ring)
        return -ENOMEM;
    queue->capacity = FIRST_PLACES;
    queue->mask = FIRST_PLACES - 1;
    return 0;
}

void strand_ready_close(struct strand_ready_queue *queue)
{
    free(queue->ring);
}

static bool make_room(struct strand_ready_queue *queue, size_t places)
{
    if (places <= queue->capacity)
        return true;
    struct strand **larger = realloc(queue->ring, places * sizeof *larger);
    if (!larger)
        return false;
    for (size_t place = queue->capacity; place < places; place++)
        larger[place] = NULL;      /* to be fetched in vain */
    queue->ring = larger;
    queue->capacity = places;
    return true;
}

/* Twice the places, of a ring that is full: each strand stays, or moves by the old size. */
static bool widen(struct strand_ready_queue *queue)
{
    size_t places = (size_t)queue->mask + 1;
    if (!make_room(queue, 2 * places))
        return false;
    for (uint64_t count = queue->head; count != queue->tail; count++)
        if (count & places)
            queue->ring[(count & queue->mask) + places] = queue->ring[count & queue->mask];
    queue->mask = 2 * places - 1;
    return true;
}

static void set_after(struct strand *strand, struct strand *next)
{
    if (strand->kind == STRAND_HOSTED)
        strand->after = next ? strand_slot_number(strand_slot_of(next)) : 0;
    else
        strand->next = next;
}

static struct strand *after(const struct strand *strand)
{
    if (strand->kind != STRAND_HOSTED)
        return strand->next;
    return strand->after ? strand_slot_strand(strand_table_slot(strand->after)) : NULL;
}

void strand_ready_push_slowly(struct strand_ready_queue *queue, struct strand *strand)
{
    if (!queue->more_first && widen(queue)) {
        queue->ring[queue->tail++ & queue->mask] = strand;
        return;
    }
    set_after(strand, NULL);
    if (queue->more_first)
        set_after(queue->more_last, strand);
    else
        queue->more_first = strand;
    queue->more_last = strand;
}

static void give_places_back(struct strand_ready_queue *queue)
{
    struct strand **smaller = realloc(queue->ring, KEPT_PLACES * sizeof *smaller);
    if (!smaller)
        return;
    queue->ring = smaller;
    queue->capacity = KEPT_PLACES;
}

void strand_ready_refill(struct strand_ready_queue *queue)
{
    if (queue->head == queue->tail) {
        queue->mask = FIRST_PLACES - 1;      /* few strands stay with few cache lines */
        if (queue->capacity > KEPT_PLACES)
            give_places_back(queue);
    }
    while (queue->more_first && queue->tail - queue->head <= queue->mask) {
        struct strand *strand = queue->more_first;
        queue->more_first = after(strand);
        queue->ring[queue->tail++ & queue->mask] = strand;
    }
}
