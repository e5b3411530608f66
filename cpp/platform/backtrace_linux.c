/* SPDX-License-Identifier: Apache-2.0 */
/* By glibc, which loads libgcc's unwinder when it is first asked: no library more for everybody. */
#include "backtrace.h"

#include <execinfo.h>

int strand_backtrace(void **frames, int most)
{
    return backtrace(frames, most);
}

char **strand_backtrace_names(void *const *frames, int count)
{
    return backtrace_symbols(frames, count);
}
