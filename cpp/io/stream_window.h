/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host may do to a stream by itself, between two steps and on the carrier, where a call into
 * C would cost more than the line. It works on the stream's own fields, so that there is nothing to
 * be kept equal:
 *
 *   take a line     nobody reads (reader.holder 0), the stream is not closing, nothing is being
 *                   skipped, and there is a newline in scanned..end: start = scanned = behind it;
 *                   start is scanned, or each further part of a line would cost all before it;
 *                   the text is at lines.bytes + start, at most lines.limit long;
 *                   the last bytes there are only of a stream that is ahead, which is looked at
 *                   as its strand parks: else the step takes them, and the buffer back;
 *                   taken, below STRAND_LINES_SHARE, goes up by one
 *   accept bytes    nobody writes (writer.holder 0), neither closing nor shut, no error waits, and
 *                   there is a buffer (so that it is known to the flush): they go to
 *                   out.bytes + out.end, within out.capacity and STRAND_UNSENT_BYTES; end moves on
 *
 * A stream is read ahead for the strand whose wait for a line has ended, as its turn comes: so the
 * window is tried before that step is repeated. For anything else the host calls the step. It counts
 * each line in lines_in or lines_out, as the steps do.
 */
#ifndef STRAND_IO_STREAM_WINDOW_H
#define STRAND_IO_STREAM_WINDOW_H

#include <stdint.h>

#include "stream.h"

/* Offsets and bounds, in the order of StreamMemory.java. */
enum { STRAND_STREAM_LAYOUT_COUNT = 23 };
void strand_stream_layout(int32_t layout[STRAND_STREAM_LAYOUT_COUNT]);

#endif
