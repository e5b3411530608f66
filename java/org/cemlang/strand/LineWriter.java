// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.nio.ByteBuffer;

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
        long status = Native.flushStep(self.control, handle, stream.deadline());
        if (status == Errno.AGAIN) {
            status = stream.await(self, handle, FLUSH);
        }
        stream.check(status);
    }

    /** No more output; flushed. */
    void shutdown() throws IOException {
        Strand self = stream.strand();
        long handle = stream.handle();
        long status = Native.shutDownStep(self.control, handle, stream.deadline());
        if (status == Errno.AGAIN) {
            status = stream.await(self, handle, SHUT_DOWN);
        }
        stream.check(status);
    }

    void write(byte[] bytes, boolean newline) throws IOException {
        writeArray(bytes, 0, bytes.length, newline);
    }

    void write(ByteBuffer from, boolean newline) throws IOException {
        int length = from.remaining();
        if (from.isDirect()) {
            writeDirect(from, from.position(), length, newline);
        } else if (from.hasArray()) {
            writeArray(from.array(), from.arrayOffset() + from.position(), length, newline);
        } else {
            byte[] copy = new byte[length];
            from.duplicate().get(copy);
            writeArray(copy, 0, length, newline);
        }
        from.position(from.limit());
    }

    private void writeArray(byte[] bytes, int offset, int length, boolean newline)
            throws IOException {
        Strand self = stream.strand();
        ByteBuffer open = stream.fields();
        if (scheduler.memory().append(open, bytes, offset, length, newline)) {
            return;
        }
        long handle = stream.handle();
        long status = Native.writeStep(
                self.control, handle, stream.deadline(), bytes, offset, length, newline);
        if (status == Errno.AGAIN) {
            status = stream.await(self, handle, new ArrayWrite(bytes, offset, length, newline));
        }
        stream.check(status);
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
        ByteBuffer open = stream.fields();
        if (scheduler.memory().append(open, from, newline)) {
            return;
        }
        long handle = stream.handle();
        long status = Native.writeDirectStep(
                self.control, handle, stream.deadline(), from, offset, length, newline);
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
