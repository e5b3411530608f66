/* SPDX-License-Identifier: Apache-2.0 */
/* Streams as a host of strands closes them, for tests in C++, which has no C11 atomics. */
#ifndef STRAND_TESTS_STREAM_PROBE_H
#define STRAND_TESTS_STREAM_PROBE_H

#include <strand/strand.h>

/* strand_stream_close_idle by a holder of `s`, between two runs. */
int probe_close_idle(strand_scheduler *s, strand_stream *stream);
/* How many descriptors its loop watches. */
size_t probe_watched(const strand_scheduler *s);

#endif
