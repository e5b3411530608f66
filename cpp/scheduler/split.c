/* SPDX-License-Identifier: Apache-2.0 */
#include "segments.h"

enum { AREA_BYTES = 128 };      /* of the words, rounded so that the frames stay aligned */

_Static_assert(STRAND_SPLIT_WORDS * sizeof(void *) <= AREA_BYTES, "the words fit");

/* The words lie between the control block and the first frame, so that strands of other programs
 * need no room for them; the first frame moves down. */
static void begin(struct strand *strand)
{
    char *area = (char *)strand - AREA_BYTES;
    size_t frames = (size_t)(area - strand->stack_low);
    strand_extras(strand)->split = (void **)area;
    strand_split_prepare((void **)area, strand->stack_low, frames);
    strand_context_prepare(&strand->context, strand->stack_low, frames, strand_context_begin);
}

struct strand *strand_split_switch(strand_scheduler *s, struct strand *to)
{
    void *carrier[STRAND_SPLIT_WORDS];
    if (!to->has_extras || !to->extras.split)
        begin(to);
    strand_split_save(carrier);
    strand_split_load(strand_segments_split(to));
    struct strand *came_from = strand_context_switch(&s->carrier, &to->context, NULL);
    strand_split_save(strand_segments_split(came_from));
    strand_split_load(carrier);
    return came_from;
}
