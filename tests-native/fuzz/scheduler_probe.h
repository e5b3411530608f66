/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler's fuzz target must do inside it; C, as the headers of those rooms are. */
#ifndef STRAND_FUZZ_SCHEDULER_PROBE_H
#define STRAND_FUZZ_SCHEDULER_PROBE_H

#include <stdint.h>

#include <strand/strand.h>

/* In place of the library's own. */
int64_t probe_clock_ns(void);
void probe_wait(int64_t timeout_ns);      /* before each look in the loop, which then never waits */

/* The calling thread holds nothing any more, as if it were another; what it held. */
strand_scheduler *probe_let_go(void);
void probe_hold(strand_scheduler *s);
void probe_nudge(strand_scheduler *s);
/* Gets each living strand's argument, in the order in which a stop cancels them. */
void probe_visit(strand_scheduler *s, void (*visit)(void *argument, void *context), void *context);

#endif
