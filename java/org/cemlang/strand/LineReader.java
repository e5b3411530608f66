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
    /** Lines that did not fit into the buffers they were asked for with; one for each such reader. */
    private final ArrayDeque<Kept> kept = new ArrayDeque<>(1);

    private record Kept(byte[] bytes, LineStream.Ending ending) {}

    LineReader(StreamHandle stream) {
        this.stream = stream;
        this.scheduler = stream.scheduler;
    }

    @Nullable String next(Charset charset) throws IOException {
        if (firstKept() != null) {
            return new String(kept.remove().bytes, charset);
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
                kept.add(new Kept(Arrays.copyOf(bytes, length), ending));
            }
            throw new BufferOverflowException();
        }
        if (line != null) {
            kept.remove();
        }
        into.put(bytes, 0, length);
        return length;
    }

    LineStream.Ending ending() {
        return ending;
    }

    void close() {
        kept.clear();
    }

    /** Null: there is none. Its ending is the stream's then. */
    private @Nullable Kept firstKept() {
        Kept line = kept.peek();
        if (line != null) {
            stream.strand();
            ending = line.ending;
        }
        return line;
    }

    /** A line into the scheduler's buffer, which is good until this strand parks; -1: the end. */
    private int read() throws IOException {
        Strand self = stream.strand();
        ByteBuffer fields = stream.fields();
        long got = scheduler.memory().takeLine(fields, scheduler.line.bytes);
        if (got == StreamMemory.NOT_HERE) {
            got = fetch(self);
            if (got == Native.END) {
                ending = LineStream.Ending.NONE;
                return -1;
            }
        }
        ending = ENDINGS[(int) got & 3];
        return (int) (got >>> 2);
    }

    private long fetch(Strand self) throws IOException {
        long handle = stream.handle();
        long got = ask(self.control, handle, stream.deadline());
        if (got == Errno.AGAIN) {
            got = stream.await(self, handle, this);
        }
        if (got != Native.END) {
            stream.check(got);
        }
        return got;
    }

    /** Asked for anew each time: while this strand waited, others may have got a larger array. */
    @Override
    public long ask(long self, long handle, long deadlineNs) {
        byte[] bytes = scheduler.line.bytes;
        return Native.readLineStep(self, handle, deadlineNs, bytes, bytes.length, scheduler.line);
    }
}
