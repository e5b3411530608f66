/* SPDX-License-Identifier: Apache-2.0 */
/* The table of slots for tests in C++, which has no C11 atomics. One cache, a blank strand each. */
#ifndef STRAND_TESTS_TABLE_PROBE_H
#define STRAND_TESTS_TABLE_PROBE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct strand_slot probe_slot;

probe_slot *probe_take(void);
probe_slot *probe_take_uncached(void);
/* For the block that the last probe_take was for: its entry, once more; and an end that keeps it. */
probe_slot *probe_take_bound(void);
void probe_end_bound(probe_slot *slot);
uint64_t probe_id(probe_slot *slot);
bool probe_is(uint64_t id);
bool probe_knew(uint64_t id);
int probe_post(uint64_t id);
bool probe_take_posts(probe_slot *slot);     /* whether there was a living strand to deliver to */
void probe_end(probe_slot *slot, bool keep, void *result);
void probe_end_uncached(probe_slot *slot);
bool probe_take_result(uint64_t id, void **result);
/* Of an ended entry, or of one by the id of an ended strand: what is left of its generations. */
void probe_leave_generations(uint64_t id, uint32_t count);
const char *probe_state_name(int state);
void probe_park_a_ready_strand(void);

#endif
