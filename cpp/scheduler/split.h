/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strands in a program built with gcc's -fsplit-stack. Such code asks in every prologue whether its
 * frame still fits, and if not links a segment by itself: libgcc's __morestack. What libgcc keeps a
 * thread (the limit that prologues compare with, the list of segments, the first stack's bounds)
 * must go with the strand, so that here it is kept a strand, and a segment of strand_call.
 *
 * Whether the program has such code is seen by libgcc's own functions (gcc's documents, "Split
 * Stacks", and libgcc/generic-morestack.c), asked for weakly: they are there when the executable,
 * or a library it was linked with, was linked with -fsplit-stack. Then every native strand is of
 * kind STRAND_SPLIT, and its switches go through the carrier's frames, which keep and set it all;
 * other programs pay nothing. Backends: split_libgcc.c, and split_none.c where there is no such
 * compiler.
 */
#ifndef STRAND_SCHEDULER_SPLIT_H
#define STRAND_SCHEDULER_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include <strand/strand.h>

#include "control.h"

#define STRAND_SPLIT_WORDS 10

/* -- backends -- */
/* Whether code in this program may split its stack. Never changes. */
bool strand_split_present(void);
/* `context` (STRAND_SPLIT_WORDS of them) of a stack that nothing has run on. */
void strand_split_prepare(void **context, void *low, size_t size_bytes);
void strand_split_save(void **context);               /* this thread's, now */
void strand_split_load(void **context);
/* The lowest address that the running frames may use. */
const char *strand_split_low(void);
/* Frees what was linked, none of it in use; how many segments. */
uint64_t strand_split_release(void **context);
/* The frames from sp on, over libgcc's segments, up to the first stack's top. */
void strand_split_walk(void **context, const void *sp, strand_range_visitor visit, void *argument);

/* -- the carrier's (split.c) -- */
/* From the carrier to a strand and back; who came. */
struct strand *strand_split_switch(strand_scheduler *s, struct strand *to);

#endif
