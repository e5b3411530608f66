// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * Lines in and out of a connection, a pipe, or a standard stream; a strand that has to wait parks.
 *
 * <pre>{@code
 * try (LineStream peer = LineStream.connect("127.0.0.1:7000")) {
 *     peer.writeLine("hello");
 *     Strands.println(peer.readLine());
 * }
 * }</pre>
 *
 * <p>A line is bytes up to a newline, which is taken off, and one carriage return before it; the last
 * one may lack it. Output goes out when its strand parks or ends, when 64 KiB wait, and on {@link
 * #flush} and {@link #close}; an error on what was accepted earlier is thrown by the next call.
 *
 * <p>A stream belongs to the scheduler of the strand that made it, and only that scheduler's strands
 * may use it ({@link IllegalStateException}). One reads and one writes at a time; others queue. Calls
 * throw {@link InterruptedIOException} when interrupted while waiting (the interrupt status is clear
 * then), {@link java.net.SocketTimeoutException} after the {@link #timeout}, and {@link
 * CancellationException} when their strand is canceled.
 */
public final class LineStream implements AutoCloseable {
    private static final Ending[] ENDINGS = Ending.values();

    private final Scheduler scheduler;
    private final String where;
    /** 0 once closed. */
    private long handle;
    private long timeoutNs;
    private Ending ending = Ending.NONE;
    /** Lines that did not fit into the buffers they were asked for with; one for each such reader. */
    private final ArrayDeque<Kept> kept = new ArrayDeque<>(1);

    LineStream(Scheduler scheduler, long handle, String where) {
        this.scheduler = scheduler;
        this.handle = handle;
        this.where = where;
    }

    private record Kept(byte[] bytes, Ending ending) {}

    /** How a line ended. */
    public enum Ending {
        /** The input's last line, which had no newline. */
        NONE(""),
        /** A newline. */
        LF("\n"),
        /** A carriage return and a newline. */
        CRLF("\r\n");

        private final String text;

        Ending(String text) {
            this.text = text;
        }

        /** Its characters, which are its bytes. */
        public String text() {
            return text;
        }
    }

    /**
     * A connection to a listener. Addresses: "127.0.0.1:7000", "[::1]:7000", "unix:/path"; numbers
     * only, since looking up a name would hold up the carrier ({@link Strands#blocking} does that).
     *
     * @throws IOException that names the address, if it is none or the connection fails
     * @throws IllegalStateException outside a strand
     */
    public static LineStream connect(String address) throws IOException {
        Strand self = Engine.CHOSEN.current();
        if (self == null) {
            throw new IllegalStateException("only a strand can connect");
        }
        byte[] text = address.getBytes(StandardCharsets.UTF_8);
        long connecting = Native.beginConnect(self.scheduler.handle(), text);
        if (connecting < 0) {
            throw Failure.io(connecting, address);
        }
        long stream;
        while ((stream = Native.connectStep(self.control, connecting, Native.FOREVER))
                == Errno.AGAIN) {
            awaitConnection(self, connecting, address);
        }
        if (stream < 0) {
            throw Failure.io(stream, address);
        }
        return new LineStream(self.scheduler, stream, address);
    }

    /**
     * On a descriptor that this process has, such as a pipe's; {@link #close} closes it. Its flags are
     * left as they are. In a strand: for its scheduler; elsewhere for the thread's default one.
     *
     * @throws IOException if there is no such descriptor
     */
    public static LineStream open(int descriptor) throws IOException {
        Scheduler scheduler = Strands.scheduler();
        scheduler.checkUsableHere();
        String where = "descriptor " + descriptor;
        long stream = Native.openStream(scheduler.handle(), descriptor, 0, false);
        if (stream < 0) {
            throw Failure.io(stream, where);
        }
        return new LineStream(scheduler, stream, where);
    }

    /**
     * Standard input, for the calling strand's scheduler.
     *
     * @throws IOException if another scheduler has it
     * @throws IllegalStateException outside a strand
     */
    public static LineStream standardInput() throws IOException {
        return Strands.inStrand().input();
    }

    /**
     * Standard output, for the calling strand's scheduler.
     *
     * @throws IOException if another scheduler has it
     * @throws IllegalStateException outside a strand
     */
    public static LineStream standardOutput() throws IOException {
        return Strands.inStrand().output();
    }

    static LineStream standard(Scheduler scheduler, int descriptor, String where)
            throws IOException {
        long stream = Native.standardStream(scheduler.handle(), descriptor);
        if (stream < 0) {
            throw stream == Errno.BUSY
                    ? new IOException(where + ": another scheduler has it")
                    : Failure.io(stream, where);
        }
        return new LineStream(scheduler, stream, where);
    }

    /**
     * The next line without its ending, or null at the end of input. Bytes that are no UTF-8 become
     * U+FFFD.
     *
     * @throws LineTooLongException once for a line over 1 MiB; the next call goes on after it
     * @throws IOException if reading fails, or the stream is closed meanwhile
     */
    public @Nullable String readLine() throws IOException {
        if (firstKept() != null) {
            return new String(kept.remove().bytes, StandardCharsets.UTF_8);
        }
        int length = read();
        return length < 0
                ? null : new String(scheduler.line.bytes, 0, length, StandardCharsets.UTF_8);
    }

    /**
     * The next line's bytes without its ending, put into the buffer; their count, or -1 at the end of
     * input. {@link #ending} tells the rest.
     *
     * @throws BufferOverflowException if the line does not fit; the next call gets the same line
     * @throws LineTooLongException as {@link #readLine()}
     * @throws IOException as {@link #readLine()}
     */
    public int readLine(ByteBuffer into) throws IOException {
        if (into.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
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

    /** How the line ended that was read last. */
    public Ending ending() {
        return ending;
    }

    /**
     * A line, as UTF-8 and with a newline; whole among strands.
     *
     * @throws IOException if writing fails, now or what was accepted earlier
     */
    public void writeLine(CharSequence line) throws IOException {
        write(line.toString().getBytes(StandardCharsets.UTF_8), true);
    }

    /**
     * The buffer's bytes and a newline; whole among strands. The buffer's position moves to its limit.
     *
     * @throws IOException as {@link #writeLine(CharSequence)}
     */
    public void writeLine(ByteBuffer line) throws IOException {
        write(line, true);
    }

    /**
     * The buffer's bytes as they are; whole among strands. The buffer's position moves to its limit.
     *
     * @throws IOException as {@link #writeLine(CharSequence)}
     */
    public void write(ByteBuffer bytes) throws IOException {
        write(bytes, false);
    }

    void write(CharSequence text) throws IOException {
        write(text.toString().getBytes(StandardCharsets.UTF_8), false);
    }

    /**
     * Waits until everything written is with the kernel.
     *
     * @throws IOException if writing fails
     */
    public void flush() throws IOException {
        Strand self = strand();
        long stream = stream();
        int status;
        while ((status = Native.flushStep(self.control, stream)) == Errno.AGAIN) {
            await(self, stream);
        }
        check(status);
    }

    /**
     * How long each later call may wait; zero or less: for ever, as it is at first. Also outside a
     * strand while the scheduler does not run.
     */
    public void timeout(Duration patience) {
        scheduler.checkUsableHere();
        timeoutNs = Math.max(0, Deadlines.nanos(patience));
        if (timeoutNs == 0 && handle != 0) {
            Native.setDeadline(handle, Native.FOREVER);
        }
    }

    /**
     * Flushes and closes; whoever waits on it gets an {@link IOException}. An interrupt does not keep
     * it from closing and is still there afterwards. Closing twice does no harm.
     *
     * @throws IOException if flushing fails; it is closed nevertheless
     */
    @Override
    public void close() throws IOException {
        if (handle == 0) {
            return;
        }
        Strand self = strand();
        long stream = stream();
        handle = 0;
        kept.clear();
        boolean interrupted = false;
        int status;
        while ((status = Native.closeStep(self.control, stream)) == Errno.AGAIN) {
            interrupted |= !self.await();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        check(status);
    }

    @Override
    public String toString() {
        return "LineStream[" + where + "]";
    }

    private Strand strand() {
        Strand self = Engine.CHOSEN.current();
        if (self == null || self.scheduler != scheduler) {
            throw new IllegalStateException("only a strand of its scheduler may use " + this);
        }
        return self;
    }

    /** With this call's deadline set. */
    private long stream() throws IOException {
        if (handle == 0) {
            throw Failure.io(Errno.BAD_DESCRIPTOR, where);
        }
        if (timeoutNs > 0) {
            long now = Native.now();
            Native.setDeadline(handle, timeoutNs > Native.FOREVER - now
                    ? Native.FOREVER : now + timeoutNs);
        }
        return handle;
    }

    /** Null: there is none. Its ending is the stream's then. */
    private @Nullable Kept firstKept() {
        Kept line = kept.peek();
        if (line != null) {
            strand();
            ending = line.ending;
        }
        return line;
    }

    /** A line into the scheduler's buffer, which is good until this strand parks; -1: the end. */
    private int read() throws IOException {
        Strand self = strand();
        long stream = stream();
        long got;
        while ((got = readLineStep(self, stream)) == Errno.AGAIN) {
            await(self, stream);
        }
        if (got == Native.END) {
            ending = Ending.NONE;
            return -1;
        }
        check(got);
        ending = ENDINGS[(int) got & 3];
        return (int) (got >>> 2);
    }

    /** Asked for anew each time: while this strand waited, others may have got a larger array. */
    private long readLineStep(Strand self, long stream) {
        byte[] bytes = scheduler.line.bytes;
        return Native.readLineStep(self.control, stream, bytes, bytes.length, scheduler.line);
    }

    private void write(byte[] bytes, boolean newline) throws IOException {
        writeArray(bytes, 0, bytes.length, newline);
    }

    private void write(ByteBuffer from, boolean newline) throws IOException {
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
        Strand self = strand();
        long stream = stream();
        int status;
        while ((status = Native.writeStep(self.control, stream, bytes, offset, length, newline))
                == Errno.AGAIN) {
            await(self, stream);
        }
        check(status);
    }

    private void writeDirect(ByteBuffer from, int offset, int length, boolean newline)
            throws IOException {
        Strand self = strand();
        long stream = stream();
        int status;
        while ((status = Native.writeDirectStep(
                        self.control, stream, from, offset, length, newline)) == Errno.AGAIN) {
            await(self, stream);
        }
        check(status);
    }

    private void check(long status) throws IOException {
        if (status < 0) {
            throw Failure.io(status, where);
        }
    }

    /** Parks in a step; gives the operation up when that cannot go on. */
    private void await(Strand self, long stream) throws InterruptedIOException {
        boolean resumed;
        try {
            resumed = self.await();
        } catch (Throwable cannotPark) {
            Native.giveUp(self.control, stream);
            throw cannotPark;
        }
        if (!resumed) {
            Native.giveUp(self.control, stream);
            throw Failure.interruptedIo(where);
        }
    }

    private static void awaitConnection(Strand self, long connecting, String address)
            throws InterruptedIOException {
        boolean resumed;
        try {
            resumed = self.await();
        } catch (Throwable cannotPark) {
            Native.abandonConnect(self.control, connecting);
            throw cannotPark;
        }
        if (!resumed) {
            Native.abandonConnect(self.control, connecting);
            throw Failure.interruptedIo(address);
        }
    }
}
