/* SPDX-License-Identifier: Apache-2.0 */
#include <strand/strand.h>

const char *strand_version(void)
{
    return STRAND_VERSION;
}
