/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* snprintf and write, not stdio: the failure may be inside someone's lock. */
void strand_check_failed(const char *file, int line, const char *condition)
{
    char text[256];
    int length = snprintf(text, sizeof text, "strand: %s:%d: internal error: not so: %s\n", file,
                          line, condition);
    if (length >= (int)sizeof text) {
        length = sizeof text - 1;
        text[length - 1] = '\n';
    }
    if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0) {
        /* nobody listens; the abort below still says that something broke */
    }
    abort();
}
