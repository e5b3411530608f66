/* SPDX-License-Identifier: Apache-2.0 */
/* The standard streams are the process's: the first scheduler that uses one has it to its end. */
#include <stdatomic.h>

#include "io.h"

static struct {
    strand_scheduler *_Atomic owner;
    strand_stream *stream;               /* the owner's; NULL until made */
} standard[3];

int strand_stream_standard(strand_scheduler *s, int fd, strand_stream **out)
{
    strand_scheduler *owner = NULL;
    if (fd < 0 || fd > 2)
        return -EBADF;
    if (atomic_load_explicit(&standard[fd].owner, memory_order_relaxed) != s &&
        !atomic_compare_exchange_strong(&standard[fd].owner, &owner, s))
        return -EBUSY;
    if (!standard[fd].stream) {
        int status = strand_stream_create(s, fd, NULL, &standard[fd].stream);
        if (status < 0) {
            atomic_store(&standard[fd].owner, NULL);
            return status;
        }
        standard[fd].stream->standard = 1;
    }
    *out = standard[fd].stream;
    return 0;
}

void strand_standard_disown(strand_scheduler *s)
{
    for (int fd = 0; fd < 3; fd++) {
        if (atomic_load(&standard[fd].owner) == s) {
            standard[fd].stream = NULL;
            atomic_store(&standard[fd].owner, NULL);
        }
    }
}
