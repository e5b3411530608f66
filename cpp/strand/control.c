/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include <stdlib.h>

_Static_assert(sizeof(struct strand_context) > 8 || offsetof(struct strand, wait) == 64,
               "a plain strand's fields fill one cache line");

bool strand_make_more(struct strand *strand)
{
    if (strand->kind == STRAND_HOSTED && !strand->more)
        strand->more = calloc(1, sizeof *strand->more);
    return strand->kind != STRAND_HOSTED || strand->more;
}

struct strand_extras *strand_extras(struct strand *strand)
{
    if (!strand_make_more(strand))
        return NULL;
    struct strand_extras *extras = strand_known_extras(strand);
    if (!strand->has_extras) {
        *extras = (struct strand_extras){0};
        strand_list_init(&extras->joiners);
        strand->has_extras = 1;
    }
    return extras;
}

const char *strand_state_name(enum strand_state state)
{
    static const char *const names[] = {
        [STRAND_NEW] = "new",         [STRAND_READY] = "ready",       [STRAND_RUNNING] = "running",
        [STRAND_PARKED] = "parked",   [STRAND_FINISHED] = "finished",
    };
    return names[state];
}
