/* SPDX-License-Identifier: Apache-2.0 */
/* No compiler for this machine splits stacks. */
#include "check.h"
#include "split.h"

bool strand_split_present(void)
{
    return false;
}

void strand_split_prepare(void **context, void *low, size_t size_bytes)
{
    (void)context, (void)low, (void)size_bytes;
    CHECK(!"no split stacks here");
}

void strand_split_save(void **context)
{
    (void)context;
}

void strand_split_load(void **context)
{
    (void)context;
}

const char *strand_split_low(void)
{
    return NULL;
}

uint64_t strand_split_release(void **context)
{
    (void)context;
    return 0;
}

void strand_split_walk(void **context, const void *sp, strand_range_visitor visit, void *argument)
{
    (void)context, (void)sp, (void)visit, (void)argument;
}
