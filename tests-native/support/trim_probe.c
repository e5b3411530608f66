/* SPDX-License-Identifier: Apache-2.0 */
#include "trim_probe.h"

#include "clock.h"
#include "scheduler.h"

void probe_sweep(strand_scheduler *s, int64_t later_ns)
{
    strand_trim_sweep(s, strand_clock_now_ns() + later_ns);
}

int probe_sweep_is_due(strand_scheduler *s)
{
    return strand_trim_due_ns(s) != STRAND_FOREVER;
}
