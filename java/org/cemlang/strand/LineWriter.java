// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.util.Arrays;

/** A stream's way out: behind what waits there already, else by the library. */
final class LineWriter {
    private static final StreamHandle.Step FLUSH = Native::flushStep;
    private static final StreamHandle.Step SHUT_DOWN = Native::shutDownStep;

    private final StreamHandle stream;
    private final Scheduler scheduler;

    LineWriter(StreamHandle stream) {
        this.stream = stream;
        this.scheduler = stream.scheduler;
    }

    void flush() throws IOException {
        Strand self = stream.strand();
        long handle = stream.handle();
        long status = Native.flushStep(self.control(), handle, stream.deadline());
        if (status == Errno.AGAIN) {
            status = stream.await(self, handle, FLUSH);
        }
        stream.check(status);
    }

    /** No more output; flushed. */
    void shutdown() throws IOException {
        Strand self = stream.strand();
        long handle = stream.handle();
        long status = Native.shutDownStep(self.control(), handle, stream.deadline());
        if (status == Errno.AGAIN) {
            status = stream.await(self, handle, SHUT_DOWN);
        }
        stream.check(status);
    }

    void write(String text, Charset charset, boolean newline) throws IOException {
        stream.strand();      // before it touches what only strands may
        byte[] shared = scheduler.line.bytes;
        if (Ascii.isPartOf(charset) && Ascii.copy(text, shared)) {
            writeArray(shared, 0, text.length(), newline);
        } else {
            byte[] bytes = text.getBytes(charset);
            writeArray(bytes, 0, bytes.length, newline);
        }
    }

    void write(ByteBuffer from, boolean newline) throws IOException {
        int length = from.remaining();
        byte[] shared = scheduler.line.bytes;
        if (from.hasArray()) {
            writeArray(from.array(), from.arrayOffset() + from.position(), length, newline);
        } else if (length <= shared.length) {
            stream.strand();      // before it touches what only strands may
            from.get(from.position(), shared, 0, length);
            writeArray(shared, 0, length, newline);
        } else if (from.isDirect()) {
            writeDirect(from, from.position(), length, newline);
        } else {
            byte[] copy = new byte[length];
            from.get(from.position(), copy);
            writeArray(copy, 0, length, newline);
        }
        from.position(from.limit());
    }

    private void writeArray(byte[] bytes, int offset, int length, boolean newline)
            throws IOException {
        Strand self = stream.strand();
        long handle = stream.handle();
        if (scheduler.memory().append(handle, bytes, offset, length, newline)) {
            return;
        }
        long status = Native.writeStep(
                self.control(), handle, stream.deadline(), bytes, offset, length, newline);
        if (status == Errno.AGAIN) {
            status = stream.await(self, handle, arrayWrite(bytes, offset, length, newline));
        }
        stream.check(status);
    }

    /** While it waits, others use the array that they share. */
    private ArrayWrite arrayWrite(byte[] bytes, int offset, int length, boolean newline) {
        return bytes == scheduler.line.bytes
                ? new ArrayWrite(Arrays.copyOf(bytes, length), 0, length, newline)
                : new ArrayWrite(bytes, offset, length, newline);
    }

    private record ArrayWrite(byte[] bytes, int offset, int length, boolean newline)
            implements StreamHandle.Step {
        @Override
        public long ask(long self, long stream, long deadlineNs) {
            return Native.writeStep(self, stream, deadlineNs, bytes, offset, length, newline);
        }
    }

    private void writeDirect(ByteBuffer from, int offset, int length, boolean newline)
            throws IOException {
        Strand self = stream.strand();
        long handle = stream.handle();
        long status = Native.writeDirectStep(
                self.control(), handle, stream.deadline(), from, offset, length, newline);
        if (status == Errno.AGAIN) {
            status = stream.await(self, handle, new DirectWrite(from, offset, length, newline));
        }
        stream.check(status);
    }

    private record DirectWrite(ByteBuffer from, int offset, int length, boolean newline)
            implements StreamHandle.Step {
        @Override
        public long ask(long self, long stream, long deadlineNs) {
            return Native.writeDirectStep(self, stream, deadlineNs, from, offset, length, newline);
        }
    }
}
