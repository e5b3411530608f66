// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.nio.ByteBuffer;

/** A stream's way out: behind what waits there already, else by the library. */
final class LineWriter {
    private final LineStream stream;
    private final Scheduler scheduler;

    LineWriter(LineStream stream, Scheduler scheduler) {
        this.stream = stream;
        this.scheduler = scheduler;
    }

    void flush() throws IOException {
        Strand self = stream.strand();
        long handle = stream.handle();
        ByteBuffer open = stream.fields();
        long deadlineNs = stream.deadline();
        int status;
        while ((status = Native.flushStep(self.control, handle, deadlineNs)) == Errno.AGAIN) {
            deadlineNs = StreamMemory.deadline(open);
            stream.await(self, handle);
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
        long deadlineNs = stream.deadline();
        int status;
        while ((status = Native.writeStep(self.control, handle, deadlineNs,
                        bytes, offset, length, newline)) == Errno.AGAIN) {
            deadlineNs = StreamMemory.deadline(open);
            stream.await(self, handle);
        }
        stream.check(status);
    }

    private void writeDirect(ByteBuffer from, int offset, int length, boolean newline)
            throws IOException {
        Strand self = stream.strand();
        ByteBuffer open = stream.fields();
        if (scheduler.memory().append(open, from, newline)) {
            return;
        }
        long handle = stream.handle();
        long deadlineNs = stream.deadline();
        int status;
        while ((status = Native.writeDirectStep(self.control, handle, deadlineNs,
                        from, offset, length, newline)) == Errno.AGAIN) {
            deadlineNs = StreamMemory.deadline(open);
            stream.await(self, handle);
        }
        stream.check(status);
    }
}
