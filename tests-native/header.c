/* SPDX-License-Identifier: Apache-2.0 */
/* The public header alone, compiled as C11, C17 and C++17 with every warning an error. */
#include <strand/strand.h>

strand_id header_compiles(void);

strand_id header_compiles(void)
{
    struct strand_scheduler_options options;
    struct strand_line line;
    options.size = sizeof options;
    line.size = sizeof line;
    return options.size == line.size ? strand_self() : 0;
}
