/* SPDX-License-Identifier: Apache-2.0 */
/* The public header's part about stacks. */
#include <strand/strand.h>

#include <errno.h>

#include "attributes.h"
#include "held.h"
#include "segments.h"

/* As strand_calling, without a call: for prologues, where each nanosecond and each byte of the
 * frame counts. See held.h for who may. */
static inline struct strand *calling(void)
{
    strand_scheduler *s = strand_held_here;
    return s ? s->current : NULL;
}

STRAND_OPAQUE size_t strand_stack_remaining(void)
{
    const struct strand *self = calling();
    return self ? strand_segments_remaining(self, __builtin_frame_address(0)) : 0;
}

STRAND_OPAQUE int strand_call(size_t stack_bytes, void (*fn)(void *), void *arg)
{
    struct strand *self = calling();
    if (!self)
        return -EPERM;
    if (!fn || stack_bytes == 0 || stack_bytes > SIZE_MAX / 4)
        return -EINVAL;
    if (!strand_segments_fit(self, __builtin_frame_address(0), stack_bytes))
        return strand_segments_call(self, stack_bytes, fn, arg);
    fn(arg);
    return 0;
}

/*
 * Twice what was asked for, since the frame of the function that asks lies above the question, and
 * it asks again on the further segment.
 */
STRAND_OPAQUE int strand_grow(size_t stack_bytes, void (*fn)(void *), void *arg)
{
    struct strand *self = calling();
    if (!self || strand_segments_fit(self, __builtin_frame_address(0), stack_bytes))
        return 0;
    if (!fn || stack_bytes > SIZE_MAX / 8)
        return -EINVAL;
    int status = strand_segments_call(self, 2 * stack_bytes + 2 * STRAND_LINK_BYTES, fn, arg);
    return status < 0 ? status : 1;
}

/* On the carrier itself nothing runs, and every strand can be looked at. */
int strand_walk_stack(strand_id id, strand_range_visitor visit, void *context)
{
    const strand_scheduler *held = strand_scheduler_held();
    if (!held)
        return -EPERM;
    if (!visit)
        return -EINVAL;
    const struct strand_slot *slot = strand_table_find(id);
    if (!slot || !strand_slot_is(slot, id))
        return -ESRCH;
    if (!strand_slot_is_of(slot, id, held))
        return -EPERM;
    const struct strand *strand = strand_slot_strand(slot);
    if (strand->kind == STRAND_HOSTED)
        return -EINVAL;
    if (strand == held->current)
        strand_segments_walk_self(strand, visit, context);
    else
        strand_segments_walk(strand, visit, context);
    return 0;
}
