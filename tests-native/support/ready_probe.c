/* SPDX-License-Identifier: Apache-2.0 */
#include "ready_probe.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

static bool refusing;
static strand_scheduler scheduler;
static struct strand strands[PROBE_STRANDS];

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
    memset(strands, 0, sizeof strands);
    return strand_ready_init(&scheduler.ready);
}

void probe_ready_close(void)
{
    strand_ready_close(&scheduler.ready);
}

void probe_ready_append(int number)
{
    strand_ready_append(&scheduler, &strands[number]);
}

int probe_ready_take(void)
{
    struct strand *first = strand_ready_first(&scheduler.ready);
    if (!first)
        return -1;
    strand_ready_drop_first(&scheduler.ready, scheduler.ready.head % 2);      /* either way */
    strand_become(first, STRAND_RUNNING);
    return (int)(first - strands);
}

void probe_ready_refill(void)
{
    strand_ready_refill(&scheduler.ready);
}

size_t probe_ready_places(void)
{
    return scheduler.ready.mask + 1;
}

bool probe_ready_is_look_due_after(unsigned granted)
{
    strand_scheduler_grant(&scheduler, granted);
    return strand_scheduler_budget_spent(&scheduler);
}
