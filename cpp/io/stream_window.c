/* SPDX-License-Identifier: Apache-2.0 */
#include "stream_window.h"

#include <stddef.h>

#include "io.h"

/* A host reads them as 64-bit and 8-bit numbers, and deadline_ns and out_error as what they are. */
_Static_assert(sizeof(size_t) == 8 && sizeof(char *) == 8 && sizeof(strand_id) == 8,
              "a host's fields are 64 bits wide");
_Static_assert(sizeof(bool) == 1 && sizeof(int) == 4, "and its flags 8, its errors 32");
_Static_assert(sizeof(((struct strand_stream *)0)->taken) == 2, "its share 16");

#define AT(field) ((int32_t)offsetof(struct strand_stream, field))

void strand_stream_layout(int32_t layout[STRAND_STREAM_LAYOUT_COUNT])
{
    const int32_t all[] = {
        AT(deadline_ns),
        AT(closing),
        AT(reader.holder),
        AT(lines.bytes),
        AT(lines.capacity),
        AT(lines.start),
        AT(lines.scanned),
        AT(lines.end),
        AT(lines.limit),
        AT(lines.skipping),
        AT(ahead),
        AT(taken),
        STRAND_LINES_SHARE,
        AT(writer.holder),
        AT(out.bytes),
        AT(out.capacity),
        AT(out.start),
        AT(out.end),
        AT(shut),
        AT(out_error),
        (int32_t)STRAND_UNSENT_BYTES,
        (int32_t)offsetof(struct strand_io, lines_in),
        (int32_t)offsetof(struct strand_io, lines_out),
    };
    _Static_assert(sizeof all / sizeof *all == STRAND_STREAM_LAYOUT_COUNT, "as announced");
    for (int i = 0; i < STRAND_STREAM_LAYOUT_COUNT; i++)
        layout[i] = all[i];
}
