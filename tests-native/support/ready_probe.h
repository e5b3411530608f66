/* SPDX-License-Identifier: Apache-2.0 */
/* The ready queue for tests in C++, which has no C11 atomics; its memory can be made to run out. */
#ifndef STRAND_TESTS_READY_PROBE_H
#define STRAND_TESTS_READY_PROBE_H

#include <stdbool.h>
#include <stddef.h>

enum { PROBE_STRANDS = 2000 };      /* their numbers are below */

/* In place of the queue's realloc. */
void *probe_realloc(void *memory, size_t size_bytes);
void probe_refuse_memory(bool refuse);

int probe_ready_init(void);
void probe_ready_close(void);
void probe_ready_append(int number);
/* -1 when there is none in the ring. */
int probe_ready_take(void);
void probe_ready_refill(void);
size_t probe_ready_places(void);
size_t probe_ready_capacity(void);
/* Whether a look outside is due before the next switch, once so many were granted. */
bool probe_ready_is_look_due_after(unsigned granted);

#endif
