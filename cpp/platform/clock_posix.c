/* SPDX-License-Identifier: Apache-2.0 */
/* clock_gettime(2): Darwin has it too (from macOS 10.12 on), where CLOCK_MONOTONIC goes on while
 * the machine sleeps; on Linux it stands still then. */
#include "clock.h"

#include <time.h>

int64_t strand_clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
