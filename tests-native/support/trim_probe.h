/* SPDX-License-Identifier: Apache-2.0 */
/* Sweeps of idle stacks, as a test wants them; in C, since the internal headers are. */
#ifndef STRAND_TESTS_SUPPORT_TRIM_PROBE_H
#define STRAND_TESTS_SUPPORT_TRIM_PROBE_H

#include <strand/strand.h>

/* By the holder: one whole sweep, as if so much time had passed. */
void probe_sweep(strand_scheduler *s, int64_t later_ns);
/* Whether a wait would be cut short for a sweep. */
int probe_sweep_is_due(strand_scheduler *s);

#endif
