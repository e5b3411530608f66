/* SPDX-License-Identifier: Apache-2.0 */
#include "soak.h"

enum { SEVERAL = 8 };

static unsigned wanted, connected;
static char **addresses;

/* Half of its lines are on the way, in any direction, when it is killed. */
static void talk(void *number)
{
    strand_stream *stream;
    struct strand_line line = {.size = sizeof line};
    const char *address = addresses[(uintptr_t)number % 2];
    int status = strand_connect(address, strand_now_ns() + 60 * SECOND, &stream);
    if (status < 0)
        measure_fail(address, status);
    if (++connected == wanted)
        strand_println("ready", 5);
    for (;;) {
        for (int i = 0; i < SEVERAL; i++)
            strand_write_line(stream, "one of a crowd", 14);
        for (int i = 0; i < SEVERAL; i++)
            if (strand_read_line(stream, &line) != 1)
                return;
        strand_line_release(stream);
        strand_sleep(SECOND / 100);
    }
}

void be_crowd(void *words)
{
    addresses = words;
    wanted = (unsigned)atoi(addresses[2]);
    for (uintptr_t i = 0; i < wanted; i++)
        spawn(talk, (void *)i, NULL);
}
