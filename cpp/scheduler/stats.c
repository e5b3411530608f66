/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler.h"

_Static_assert(STRAND_STACK_CLASSES == STRAND_STACK_CLASS_COUNT, "a line for each class");

void strand_scheduler_count(strand_scheduler *s, struct strand_scheduler_stats *out)
{
    struct strand_stack_counts own, guest;
    strand_stack_pool_count(s->stacks, &own);
    strand_stack_pool_count(s->guest_stacks, &guest);
    out->live = strand_scheduler_live(s) + atomic_load(&s->arriving);
    out->parked = strand_counter_read(&s->parked);
    /* The one that runs is neither; while strands move these are read one after the other. */
    out->ready = out->live > out->parked ? out->live - out->parked : 0;
    out->spawned = strand_counter_read(&s->spawned);
    out->finished = strand_counter_read(&s->finished);
    out->switches = strand_scheduler_switches(s);
    out->wakes = strand_counter_read(&s->wakes);
    out->remote_wakes = strand_counter_read(&s->remote_wakes);
    out->polls = strand_counter_read(&s->polls);
    out->timers_fired = strand_counter_read(&s->timers_fired);
    out->pinned_waits = strand_counter_read(&s->pinned_waits);
    out->stacks_live = own.live + guest.live;
    out->stacks_pooled = own.pooled + guest.pooled;
    out->stack_bytes_reserved = own.bytes_reserved + guest.bytes_reserved;
    out->segments_linked = strand_counter_read(&s->segments_linked);
    out->segments_freed = strand_counter_read(&s->segments_freed);
    out->stack_bytes_resident = own.bytes_resident + guest.bytes_resident;
    for (int class = 0; class < STRAND_STACK_CLASSES; class++) {
        struct strand_stack_class_stats *stats = &out->stack_classes[class];
        stats->usable_bytes = own.classes[class].usable_bytes;
        stats->live = own.classes[class].live + guest.classes[class].live;
        stats->pooled = own.classes[class].pooled + guest.classes[class].pooled;
        stats->trimmed = own.classes[class].trimmed + guest.classes[class].trimmed;
    }
    out->context = strand_context_name;
    out->loop = strand_loop_name;
    out->guards = strand_stack_guards_name(s->guards);
}
