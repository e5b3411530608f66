/* SPDX-License-Identifier: Apache-2.0 */
#include "ready_probe.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

static bool refusing;
static strand_scheduler scheduler;
static struct strand natives[PROBE_STRANDS];
static struct strand *strands[PROBE_STRANDS];      /* every other one is hosted */

void *probe_realloc(void *memory, size_t size_bytes)
{
    return refusing ? NULL : realloc(memory, size_bytes);
}

void probe_refuse_memory(bool refuse)
{
    refusing = refuse;
}

int probe_ready_init(void)
{
    memset(&scheduler, 0, sizeof scheduler);
    memset(natives, 0, sizeof natives);
    for (int i = 0; i < PROBE_STRANDS; i++) {
        strands[i] = i % 2 ? strand_table_take_hosted(&scheduler.slots, &scheduler) : &natives[i];
        if (i % 2)
            strand_slot_begin(strand_slot_of(strands[i]), strands[i]);
        else
            strand_table_take(&scheduler.slots, &scheduler, strands[i]);
    }
    return strand_ready_init(&scheduler.ready);
}

void probe_ready_close(void)
{
    strand_ready_close(&scheduler.ready);
    for (int i = 0; i < PROBE_STRANDS; i++) {
        strand_slot_end(strand_slot_of(strands[i]));
        strand_table_give(&scheduler.slots, strand_slot_of(strands[i]));
    }
    strand_slot_cache_spill(&scheduler.slots);
}

void probe_ready_append(int number)
{
    strand_ready_append(&scheduler, strands[number]);
}

int probe_ready_take(void)
{
    struct strand *first = strand_ready_first(&scheduler.ready);
    if (!first)
        return -1;
    strand_ready_drop_first(&scheduler.ready, scheduler.ready.head % 2);      /* either way */
    strand_become(first, STRAND_RUNNING);
    int number = 0;
    while (strands[number] != first)
        number++;
    return number;
}

void probe_ready_refill(void)
{
    strand_ready_refill(&scheduler.ready);
}

size_t probe_ready_places(void)
{
    return scheduler.ready.mask + 1;
}

size_t probe_ready_capacity(void)
{
    return scheduler.ready.capacity;
}

bool probe_ready_is_look_due_after(unsigned granted)
{
    strand_scheduler_grant(&scheduler, granted);
    return strand_scheduler_budget_spent(&scheduler);
}
