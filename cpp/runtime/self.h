/* SPDX-License-Identifier: Apache-2.0 */
/* The native strand that calls a public function, and the loop of step and park it waits in. */
#ifndef STRAND_RUNTIME_SELF_H
#define STRAND_RUNTIME_SELF_H

#include <errno.h>

#include "scheduler.h"

/* NULL outside a native strand, and inside strand_call_on_carrier. */
static inline struct strand *strand_calling(void)
{
    strand_scheduler *s = strand_scheduler_held();
    return s ? s->current : NULL;
}

/*
 * Asks `step` (an expression that names `self`) until it does not say -EAGAIN, parking in between;
 * evaluates to its last answer. -EPERM outside a strand.
 */
#define STRAND_AWAIT(self, step)                                                                   \
    __extension__({                                                                                \
        __typeof__(step) answer_ = -EPERM;                                                         \
        if (self)                                                                                  \
            while ((answer_ = (step)) == -EAGAIN)                                                  \
                strand_scheduler_park((self)->scheduler);                                          \
        answer_;                                                                                   \
    })

#endif
