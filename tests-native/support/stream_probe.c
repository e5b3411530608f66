/* SPDX-License-Identifier: Apache-2.0 */
#include "stream_probe.h"

#include "loop.h"
#include "scheduler.h"
#include "stream.h"

int probe_close_idle(strand_scheduler *s, strand_stream *stream)
{
    int status = strand_scheduler_enter(s);
    if (status < 0)
        return status;
    status = strand_stream_close_idle(stream);
    strand_scheduler_leave(s);
    return status;
}

size_t probe_watched(const strand_scheduler *s)
{
    return strand_loop_count(s->loop);
}
