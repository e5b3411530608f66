/* SPDX-License-Identifier: Apache-2.0 */
#include "hosted_window.h"

#include <string.h>

#include "scheduler.h"

#define OF_SCHEDULER(field) ((int32_t)offsetof(struct strand_scheduler, field))
#define OF_SLOT(field) ((int32_t)offsetof(struct strand_slot, field) - STRAND_HOSTED_PLACE)
#define OF_STRAND(field) ((int32_t)offsetof(struct strand, field))

void strand_hosted_layout(int32_t layout[STRAND_HOSTED_LAYOUT_COUNT])
{
    static const int32_t all[] = {
        OF_SCHEDULER(spare_hosted),
        OF_SCHEDULER(inbox.stop_requested),
        OF_SCHEDULER(spawned),
        OF_SCHEDULER(finished),
        OF_SCHEDULER(parked),
        OF_SCHEDULER(wakes),
        OF_SCHEDULER(flush_due),
        OF_SCHEDULER(look_at),
        OF_SCHEDULER(ready.ring),
        OF_SCHEDULER(ready.head),
        OF_SCHEDULER(ready.tail),
        OF_SCHEDULER(ready.mask),
        OF_SCHEDULER(ready.more_first),
        OF_STRAND(id),
        OF_STRAND(state),
        OF_STRAND(kind),
        OF_STRAND(waits),
        OF_STRAND(unpark),
        OF_STRAND(guest),
        OF_STRAND(operation),
        OF_STRAND(spare),
        OF_SLOT(word),
        STRAND_NEW,
        STRAND_READY,
        STRAND_RUNNING,
        STRAND_PARKED,
        STRAND_HOSTED,
        STRAND_POST_LIVE,
        STRAND_TABLE_CHUNK_SLOTS,
        sizeof(struct strand_slot),
        STRAND_HOSTED_PLACE,
    };
    _Static_assert(offsetof(struct strand, state) % 8 == 0 &&
                       offsetof(struct strand, has_extras) == offsetof(struct strand, state) + 7,
                   "the flags of a plain strand are one word");
    _Static_assert(sizeof all / sizeof *all == STRAND_HOSTED_LAYOUT_COUNT, "all of them");
    memcpy(layout, all, sizeof all);
}
