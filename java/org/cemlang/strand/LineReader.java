// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.util.ArrayDeque;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A stream's way in: lines from its buffer, decoded whole, so that no reading cuts a character. */
final class LineReader implements StreamHandle.Step {
    private static final LineStream.Ending[] ENDINGS = LineStream.Ending.values();

    private final StreamHandle stream;
    private final Scheduler scheduler;
    private LineStream.Ending ending = LineStream.Ending.NONE;
    /**
     * Lines that did not fit into the buffers they were asked for with; one for each such reader.
     * Null until there is one.
     */
    private @Nullable ArrayDeque<Kept> kept;

    private record Kept(byte[] bytes, LineStream.Ending ending) {}

    LineReader(StreamHandle stream) {
        this.stream = stream;
        this.scheduler = stream.scheduler;
    }

    @Nullable String next(Charset charset) throws IOException {
        Kept line = firstKept();
        if (line != null) {
            takeKept();
            return new String(line.bytes, charset);
        }
        int length = read();
        return length < 0 ? null : new String(scheduler.line.bytes, 0, length, charset);
    }

    int next(ByteBuffer into) throws IOException {
        Kept line = firstKept();
        int length = line == null ? read() : line.bytes.length;
        if (length < 0) {
            return -1;
        }
        byte[] bytes = line == null ? scheduler.line.bytes : line.bytes;
        if (length > into.remaining()) {
            if (line == null) {
                keep(new Kept(Arrays.copyOf(bytes, length), ending));
            }
            throw new BufferOverflowException();
        }
        if (line != null) {
            takeKept();
        }
        into.put(bytes, 0, length);
        return length;
    }

    LineStream.Ending ending() {
        return ending;
    }

    void close() {
        kept = null;
    }

    private void keep(Kept line) {
        if (kept == null) {
            kept = new ArrayDeque<>(1);
        }
        kept.add(line);
    }

    private void takeKept() {
        if (kept != null) {
            kept.remove();
        }
    }

    /** Null: there is none. Its ending is the stream's then. */
    private @Nullable Kept firstKept() {
        Kept line = kept == null ? null : kept.peek();
        if (line != null) {
            stream.strand();
            ending = line.ending;
        }
        return line;
    }

    /** A line into the scheduler's buffer, which is good until this strand parks; -1: the end. */
    private int read() throws IOException {
        Strand self = stream.strand();
        long handle = stream.handle();
        long got = scheduler.memory().takeLine(handle, scheduler.line.bytes);
        if (got == StreamMemory.NOT_HERE) {
            got = fetch(self, handle);
            if (got == Native.END) {
                ending = LineStream.Ending.NONE;
                return -1;
            }
        }
        ending = ENDINGS[(int) got & 3];
        return (int) (got >>> 2);
    }

    private long fetch(Strand self, long handle) throws IOException {
        long got = step(self.control(), handle, stream.deadline());
        if (got == Errno.AGAIN) {
            got = stream.await(self, handle, this);
        }
        if (got != Native.END) {
            stream.check(got);
        }
        return got;
    }

    /** After a wait: mostly the line has been read when this strand's turn came. */
    @Override
    public long ask(long self, long handle, long deadlineNs) {
        long got = scheduler.memory().takeLine(handle, scheduler.line.bytes);
        return got == StreamMemory.NOT_HERE ? step(self, handle, deadlineNs) : got;
    }

    /** The array is read anew each time: others may have got a larger one meanwhile. */
    private long step(long self, long handle, long deadlineNs) {
        byte[] bytes = scheduler.line.bytes;
        return Native.readLineStep(self, handle, deadlineNs, bytes, bytes.length, scheduler.line);
    }
}
