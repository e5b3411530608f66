/* SPDX-License-Identifier: Apache-2.0 */
#include "table_probe.h"

#include "table.h"

static struct strand_slot_cache cache;
static _Thread_local struct strand blank;

static probe_slot *take(struct strand_slot_cache *from)
{
    blank.id = 0;      /* bound to no entry */
    return strand_table_take(from, NULL, &blank);
}

/* As the scheduler does. */
static void end(struct strand_slot_cache *into, probe_slot *slot, bool keep, void *result)
{
    unsigned posts = keep ? strand_slot_end_keeping(slot, result) : strand_slot_end(slot);
    if (!keep && !(posts & STRAND_POST_POSTED))
        strand_table_give(into, slot);
}

probe_slot *probe_take(void) { return take(&cache); }
probe_slot *probe_take_uncached(void) { return take(NULL); }
probe_slot *probe_take_bound(void) { return strand_table_take(&cache, NULL, &blank); }
void probe_end_bound(probe_slot *slot) { strand_slot_end(slot); }
uint64_t probe_id(probe_slot *slot) { return strand_slot_id(slot); }
bool probe_is(uint64_t id) { return strand_slot_is(strand_table_find(id), id); }

bool probe_knew(uint64_t id)
{
    struct strand_slot *slot = strand_table_find(id);
    return slot && strand_slot_knew(slot, id);
}

int probe_post(uint64_t id)
{
    strand_scheduler *scheduler;
    return strand_slot_post(strand_table_find(id), id, STRAND_POST_WAKE, &scheduler);
}

bool probe_take_posts(probe_slot *slot)
{
    return strand_slot_take_posts(&cache, slot) & STRAND_POST_LIVE;
}

void probe_end(probe_slot *slot, bool keep, void *result)
{
    end(&cache, slot, keep, result);
}

void probe_end_uncached(probe_slot *slot) { end(NULL, slot, false, NULL); }

bool probe_take_result(uint64_t id, void **result)
{
    return strand_slot_take_result(NULL, strand_table_find(id), id, result);
}

void probe_leave_generations(uint64_t id, uint32_t count)
{
    uint32_t generation = STRAND_LAST_GENERATION + 1 - count;
    atomic_store(&strand_table_find(id)->word, (uint64_t)generation << 32);
}

const char *probe_state_name(int state) { return strand_state_name((enum strand_state)state); }

void probe_park_a_ready_strand(void)
{
    struct strand strand;
    strand_control_init(&strand, STRAND_HOSTED);
    strand_become(&strand, STRAND_READY);
    strand_become(&strand, STRAND_PARKED);
}
