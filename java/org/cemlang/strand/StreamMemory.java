// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The buffers of a scheduler's streams where they are, so that a line which is in there already is
 * taken, and one that still fits is added, without a call into the library. What may be done, and
 * when, is in cpp/io/stream_window.h; it is done to the stream's own fields, on the carrier.
 *
 * <p>A stream is named by its handle, which is its address; good while it is open.
 */
final class StreamMemory {
    /** From {@link #takeLine}: the library has to be asked. */
    static final long NOT_HERE = -1;

    private static final int DEADLINE;
    private static final int CLOSING;
    private static final int READER;
    private static final int IN_BYTES;
    private static final int IN_CAPACITY;
    private static final int IN_START;
    private static final int IN_SCANNED;
    private static final int IN_END;
    private static final int IN_LIMIT;
    private static final int IN_SKIPPING;
    private static final int AHEAD;
    private static final int TAKEN;
    private static final int LINES_SHARE;
    private static final int WRITER;
    private static final int OUT_BYTES;
    private static final int OUT_CAPACITY;
    private static final int OUT_START;
    private static final int OUT_END;
    private static final int SHUT;
    private static final int OUT_ERROR;
    private static final int UNSENT_BYTES;
    private static final int LINES_IN;
    private static final int LINES_OUT;

    static {
        int[] at = new int[23];
        Native.layout(at);
        int next = 0;
        DEADLINE = at[next++];
        CLOSING = at[next++];
        READER = at[next++];
        IN_BYTES = at[next++];
        IN_CAPACITY = at[next++];
        IN_START = at[next++];
        IN_SCANNED = at[next++];
        IN_END = at[next++];
        IN_LIMIT = at[next++];
        IN_SKIPPING = at[next++];
        AHEAD = at[next++];
        TAKEN = at[next++];
        LINES_SHARE = at[next++];
        WRITER = at[next++];
        OUT_BYTES = at[next++];
        OUT_CAPACITY = at[next++];
        OUT_START = at[next++];
        OUT_END = at[next++];
        SHUT = at[next++];
        OUT_ERROR = at[next++];
        UNSENT_BYTES = at[next++];
        LINES_IN = at[next++];
        LINES_OUT = at[next];
    }

    /** Little-endian, so that the first byte of a word is its lowest. */
    private static final VarHandle WORDS =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final boolean USABLE =
            Memory.USABLE && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    private static final long ONES = 0x0101_0101_0101_0101L;
    private static final long HIGH_BITS = 0x8080_8080_8080_8080L;
    private static final long NEWLINES = ONES * '\n';

    private final long io;

    StreamMemory(long scheduler) {
        io = Native.ioOf(scheduler);
    }

    /** Absolute, of the call that is being waited for. */
    static long deadline(long stream) {
        return USABLE ? Memory.getLong(stream + DEADLINE) : Native.deadline(stream);
    }

    /**
     * The next line into {@code to}, if that is large enough and the line is complete in the stream's
     * buffer: length and ending as {@link Native#readLineStep} tells them, else {@link #NOT_HERE}.
     */
    long takeLine(long stream, byte[] to) {
        if (!USABLE) {
            return NOT_HERE;
        }
        long end = Memory.getLong(stream + IN_END);
        int taken = Short.toUnsignedInt(Memory.getShort(stream + TAKEN));
        if (Memory.getLong(stream + IN_SCANNED) >= end || taken >= LINES_SHARE
                || Memory.getLong(stream + READER) != 0
                || (Memory.getByte(stream + CLOSING) | Memory.getByte(stream + IN_SKIPPING)) != 0) {
            return NOT_HERE;
        }
        long start = Memory.getLong(stream + IN_START);
        if (start != Memory.getLong(stream + IN_SCANNED)) {
            return NOT_HERE;      // part of it was here before: the step looks at the rest alone
        }
        long text = Memory.getLong(stream + IN_BYTES) + start;
        int length = copyLine(text, (int) Math.min(end - start, to.length), to);
        if (length < 0) {
            return NOT_HERE;
        }
        int crlf = length > 0 && to[length - 1] == '\r' ? 1 : 0;
        if (length - crlf > Memory.getLong(stream + IN_LIMIT)) {
            return NOT_HERE;
        }
        long behind = start + length + 1;
        if (behind == end && Memory.getByte(stream + AHEAD) == 0) {
            return NOT_HERE;      // the library takes the last one, and its buffer back
        }
        Memory.putLong(stream + IN_START, behind);
        Memory.putLong(stream + IN_SCANNED, behind);
        Memory.putShort(stream + TAKEN, (short) (taken + 1));
        Memory.putLong(io + LINES_IN, Memory.getLong(io + LINES_IN) + 1);
        return (long) (length - crlf) << 2 | 1 + crlf;
    }

    /** Eight bytes at a time, up to a newline: how many come before it; negative: there is none. */
    private static int copyLine(long from, int count, byte[] to) {
        int done = 0;
        for (; done + 8 <= count; done += 8) {
            long word = Memory.getLong(from + done);
            WORDS.set(to, done, word);
            long zeroAtNewline = word ^ NEWLINES;
            long newlines = zeroAtNewline - ONES & ~zeroAtNewline & HIGH_BITS;
            if (newlines != 0) {
                return done + (Long.numberOfTrailingZeros(newlines) >>> 3);
            }
        }
        for (; done < count; done++) {
            byte next = Memory.getByte(from + done);
            if (next == '\n') {
                return done;
            }
            to[done] = next;
        }
        return -1;
    }

    /** Into the stream's buffer for output, if it has one and there is room: whether it is there. */
    boolean append(long stream, byte[] from, int offset, int length, boolean newline) {
        if (!USABLE) {
            return false;
        }
        long end = Memory.getLong(stream + OUT_END);
        long size = (long) length + (newline ? 1 : 0);
        if (!hasRoom(stream, end, size)) {
            return false;
        }
        long to = Memory.getLong(stream + OUT_BYTES) + end;
        copy(from, offset, length, to);
        if (newline) {
            Memory.putByte(to + length, (byte) '\n');
            Memory.putLong(io + LINES_OUT, Memory.getLong(io + LINES_OUT) + 1);
        }
        Memory.putLong(stream + OUT_END, end + size);
        return true;
    }

    private static boolean hasRoom(long stream, long end, long size) {
        long unsent = end - Memory.getLong(stream + OUT_START);
        long capacity = Memory.getLong(stream + OUT_CAPACITY);
        return capacity > 0 && end + size <= capacity && unsent + size < UNSENT_BYTES - 1
                && Memory.getLong(stream + WRITER) == 0 && Memory.getInt(stream + OUT_ERROR) == 0
                && (Memory.getByte(stream + CLOSING) | Memory.getByte(stream + SHUT)) == 0;
    }

    private static void copy(byte[] from, int offset, int length, long to) {
        int done = 0;
        for (; done + 8 <= length; done += 8) {
            Memory.putLong(to + done, (long) WORDS.get(from, offset + done));
        }
        for (; done < length; done++) {
            Memory.putByte(to + done, from[offset + done]);
        }
    }
}
