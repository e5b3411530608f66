/* SPDX-License-Identifier: Apache-2.0 */
/* Into the cache, ahead of use. */
#ifndef STRAND_BASE_FETCH_H
#define STRAND_BASE_FETCH_H

#include <stddef.h>
#include <stdint.h>

enum { STRAND_CACHE_LINE = 64 };

/* From NULL, or from what has gone: in vain, and without harm. Always inlined: to gcc a function that
 * only fetches does nothing, and goes. */
static inline __attribute__((always_inline)) void strand_fetch(uintptr_t from, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += STRAND_CACHE_LINE)
        __builtin_prefetch((const void *)(from + at));
}

#endif
