/* SPDX-License-Identifier: Apache-2.0 */
/* macOS's backtrace() follows frame pointers within the thread's own stack: never onto a strand's. */
#include "backtrace.h"

#include <stddef.h>

int strand_backtrace(void **frames, int most)
{
    (void)frames, (void)most;
    return 0;
}

char **strand_backtrace_names(void *const *frames, int count)
{
    (void)frames, (void)count;
    return NULL;
}
