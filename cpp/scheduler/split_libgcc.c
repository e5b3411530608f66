/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split stacks by libgcc (generic-morestack.c). Its functions take ten words that it calls a
 * context; those used here, in its numbering:
 *
 *   0  the first of the segments it has linked      4  the top of the stack begun on
 *   1  the one in use; NULL: the stack begun on     5  that stack's size
 *   2  the stack pointer, for walking               6  whether it need not block signals
 *   3  the limit that prologues compare with
 */
#include <string.h>

#include "split.h"

enum { SEGMENTS = 0, SP = 2, LIMIT = 3, INITIAL_SP = 4, INITIAL_SIZE = 5, NO_SIGNALS = 6 };

#define WEAK __attribute__((weak))

WEAK void __splitstack_getcontext(void **context);
WEAK void __splitstack_setcontext(void **context);
WEAK void *__splitstack_resetcontext(void **context, size_t *size_bytes);
WEAK void __splitstack_releasecontext(void **context);
WEAK void *__splitstack_find_context(void **context, size_t *size_bytes, void **next_segment,
                                     void **next_sp, void **initial_sp);
WEAK void *__splitstack_find(void *segment, void *sp, size_t *size_bytes, void **next_segment,
                             void **next_sp, void **initial_sp);

/* The beginning of libgcc's header of a segment, the same since its first release. */
struct libgcc_segment {
    struct libgcc_segment *previous, *next;
};

bool strand_split_present(void)
{
    return __splitstack_getcontext && __splitstack_setcontext && __splitstack_resetcontext &&
           __splitstack_releasecontext && __splitstack_find_context && __splitstack_find;
}

/* A stack of ours in place of a thread's first: then a reset computes the limit. Signals as the
 * carrier has it. */
void strand_split_prepare(void **context, void *low, size_t size_bytes)
{
    void *own[STRAND_SPLIT_WORDS];
    size_t ignored;
    memset(context, 0, STRAND_SPLIT_WORDS * sizeof *context);
    context[INITIAL_SP] = (char *)low + size_bytes;
    context[INITIAL_SIZE] = (void *)size_bytes;
    __splitstack_resetcontext(context, &ignored);
    __splitstack_getcontext(own);
    context[NO_SIGNALS] = own[NO_SIGNALS];
}

void strand_split_save(void **context)
{
    __splitstack_getcontext(context);
}

void strand_split_load(void **context)
{
    __splitstack_setcontext(context);
}

const char *strand_split_low(void)
{
    void *own[STRAND_SPLIT_WORDS];
    __splitstack_getcontext(own);
    return own[LIMIT];
}

/* libgcc keeps what it has linked until the context is released, and counts nothing. */
static uint64_t count(const struct libgcc_segment *segment)
{
    uint64_t linked = 0;
    for (const struct libgcc_segment *before = NULL; segment && segment->previous == before;
         before = segment, segment = segment->next)
        linked++;
    return linked;
}

uint64_t strand_split_release(void **context)
{
    uint64_t linked = count(context[SEGMENTS]);
    if (linked)
        __splitstack_releasecontext(context);
    return linked;
}

void strand_split_walk(void **context, const void *sp, strand_range_visitor visit, void *argument)
{
    void *words[STRAND_SPLIT_WORDS], *segment, *next_sp, *initial_sp;
    size_t size_bytes;
    memcpy(words, context, sizeof words);
    words[SP] = (void *)(uintptr_t)sp;
    void *low = __splitstack_find_context(words, &size_bytes, &segment, &next_sp, &initial_sp);
    while (low) {
        visit(argument, low, (char *)low + size_bytes);
        low = __splitstack_find(segment, next_sp, &size_bytes, &segment, &next_sp, &initial_sp);
    }
}
