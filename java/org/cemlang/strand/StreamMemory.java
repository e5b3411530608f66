// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of a scheduler's streams where they are, so that a line which is in there already is
 * taken, and one that still fits is added, without a call into the library. What may be done, and
 * when, is in cpp/io/stream_window.h; it is done to the stream's own fields, on the carrier.
 *
 * <p>A view of a buffer is found by the buffer's address: streams share few of them, one after the
 * other, and one that was freed is never looked up, since no stream names its address.
 */
final class StreamMemory {
    /** From {@link #takeLine}: the library has to be asked. */
    static final long NOT_HERE = -1;

    private static final int SIZE;
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
    private static final int IO_SIZE;
    private static final int LINES_IN;
    private static final int LINES_OUT;

    static {
        int[] at = new int[24];
        Native.layout(at);
        int next = 0;
        SIZE = at[next++];
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
        IO_SIZE = at[next++];
        LINES_IN = at[next++];
        LINES_OUT = at[next];
    }

    /** Views are little-endian, so that the first byte of a word is its lowest. */
    private static final VarHandle WORDS =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long ONES = 0x0101_0101_0101_0101L;
    private static final long HIGH_BITS = 0x8080_8080_8080_8080L;
    private static final long NEWLINES = ONES * '\n';

    private static final int VIEW_BITS = 4;
    /** A buffer that has grown beyond this is the library's business. */
    private static final long LARGEST_VIEW = 1 << 22;

    private final ByteBuffer io;
    private final long[] addresses = new long[1 << VIEW_BITS];
    private final @Nullable ByteBuffer[] views = new ByteBuffer[1 << VIEW_BITS];

    StreamMemory(long scheduler) {
        io = Native.memory(Native.ioOf(scheduler), IO_SIZE).order(ByteOrder.nativeOrder());
    }

    /** A stream's fields; good while it is open. */
    static ByteBuffer fieldsOf(long stream) {
        return Native.memory(stream, SIZE).order(ByteOrder.nativeOrder());
    }

    /** Absolute, of the call that is being waited for. */
    static long deadline(ByteBuffer stream) {
        return stream.getLong(DEADLINE);
    }

    /**
     * The next line into {@code to}, if that is large enough and the line is complete in the stream's
     * buffer: length and ending as {@link Native#readLineStep} tells them, else {@link #NOT_HERE}.
     */
    long takeLine(ByteBuffer stream, byte[] to) {
        long end = stream.getLong(IN_END);
        int taken = Short.toUnsignedInt(stream.getShort(TAKEN));
        if (stream.getLong(IN_SCANNED) >= end || taken >= LINES_SHARE || stream.getLong(READER) != 0
                || (stream.get(CLOSING) | stream.get(IN_SKIPPING)) != 0) {
            return NOT_HERE;
        }
        ByteBuffer view = view(stream.getLong(IN_BYTES), stream.getLong(IN_CAPACITY), end);
        if (view == null) {
            return NOT_HERE;
        }
        int start = (int) stream.getLong(IN_START);
        int length = copyLine(view, start, Math.min((int) end - start, to.length), to);
        if (length < 0) {
            return NOT_HERE;
        }
        int crlf = length > 0 && to[length - 1] == '\r' ? 1 : 0;
        if (length - crlf > stream.getLong(IN_LIMIT)) {
            return NOT_HERE;
        }
        long behind = start + length + 1L;
        if (behind == end) {
            return NOT_HERE;      // the library takes the last one, and its buffer back
        }
        stream.putLong(IN_START, behind);
        stream.putLong(IN_SCANNED, behind);
        stream.putShort(TAKEN, (short) (taken + 1));
        io.putLong(LINES_IN, io.getLong(LINES_IN) + 1);
        return (long) (length - crlf) << 2 | 1 + crlf;
    }

    /** Eight bytes at a time, up to a newline: how many come before it; negative: there is none. */
    private static int copyLine(ByteBuffer from, int start, int count, byte[] to) {
        int done = 0;
        for (; done + 8 <= count; done += 8) {
            long word = from.getLong(start + done);
            WORDS.set(to, done, word);
            long zeroAtNewline = word ^ NEWLINES;
            long newlines = zeroAtNewline - ONES & ~zeroAtNewline & HIGH_BITS;
            if (newlines != 0) {
                return done + (Long.numberOfTrailingZeros(newlines) >>> 3);
            }
        }
        for (; done < count; done++) {
            byte next = from.get(start + done);
            if (next == '\n') {
                return done;
            }
            to[done] = next;
        }
        return -1;
    }

    /** Behind what the stream has to send already, if there is such and room: whether it is there. */
    boolean append(ByteBuffer stream, byte[] from, int offset, int length, boolean newline) {
        int at = room(stream, length, newline ? 1 : 0);
        if (at < 0) {
            return false;
        }
        found.put(at, from, offset, length);
        appended(stream, at + length, newline);
        return true;
    }

    /** As the other one; the buffer's position stays. */
    boolean append(ByteBuffer stream, ByteBuffer from, boolean newline) {
        int length = from.remaining();
        int at = room(stream, length, newline ? 1 : 0);
        if (at < 0) {
            return false;
        }
        found.put(at, from, from.position(), length);
        appended(stream, at + length, newline);
        return true;
    }

    /** The view that {@link #room} has found. */
    private ByteBuffer found = ByteBuffer.allocate(0);

    /** Where the bytes may go; negative: the library has to be asked. */
    private int room(ByteBuffer stream, int length, int newline) {
        long end = stream.getLong(OUT_END);
        long unsent = end - stream.getLong(OUT_START);
        long size = (long) length + newline;
        long capacity = stream.getLong(OUT_CAPACITY);
        if (unsent == 0 || unsent + size >= UNSENT_BYTES - 1 || end + size > capacity
                || stream.getLong(WRITER) != 0 || stream.getInt(OUT_ERROR) != 0
                || (stream.get(CLOSING) | stream.get(SHUT)) != 0) {
            return -1;
        }
        ByteBuffer view = view(stream.getLong(OUT_BYTES), capacity, end + size);
        if (view == null) {
            return -1;
        }
        found = view;
        return (int) end;
    }

    private void appended(ByteBuffer stream, int end, boolean newline) {
        if (newline) {
            found.put(end, (byte) '\n');
            stream.putLong(OUT_END, end + 1L);
            io.putLong(LINES_OUT, io.getLong(LINES_OUT) + 1);
        } else {
            stream.putLong(OUT_END, end);
        }
    }

    /** Of a buffer, with at least so many bytes of it; null: it is too large for that. */
    private @Nullable ByteBuffer view(long address, long capacity, long bytes) {
        int at = (int) (address * 0x9E37_79B9_7F4A_7C15L >>> 64 - VIEW_BITS);
        ByteBuffer view = views[at];
        if (view != null && addresses[at] == address && view.capacity() >= bytes) {
            return view;
        }
        if (capacity > LARGEST_VIEW) {
            return null;
        }
        view = Native.memory(address, capacity).order(ByteOrder.LITTLE_ENDIAN);
        addresses[at] = address;
        views[at] = view;
        return view;
    }
}
