// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
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
 * <p>A line is bytes up to a newline, which is taken off, and one carriage return before it; the
 * last one may lack it. Output goes out when its strand parks or ends, when 64 KiB wait, and on
 * {@link #flush} and {@link #close}; an error on what was accepted earlier is thrown by the next
 * call.
 *
 * <p>A stream belongs to the scheduler of the strand that made it, and only that scheduler's
 * strands may use it ({@link IllegalStateException}); any thread may {@link #close} it. One reads
 * and one writes at a time; others queue. Calls that wait throw {@link
 * java.net.SocketTimeoutException} after the {@link #timeout}, {@link InterruptedIOException} when
 * interrupted (the interrupt status is clear then) or when their strand is canceled, and {@link
 * java.nio.channels.AsynchronousCloseException} when the stream is closed meanwhile, or was before.
 */
public final class LineStream implements AutoCloseable {
    private final Scheduler scheduler;
    private final StreamHandle in;
    /** The same, or, of a process, another. */
    private final StreamHandle out;
    private Charset charset = StandardCharsets.UTF_8;
    private final LineReader reader;
    private final LineWriter writer;

    LineStream(Scheduler scheduler, long handle, String where) {
        this(StreamHandle.of(scheduler, handle, where));
    }

    private LineStream(StreamHandle both) {
        this(both, both);
    }

    private LineStream(StreamHandle in, StreamHandle out) {
        this.scheduler = in.scheduler;
        this.in = in;
        this.out = out;
        reader = new LineReader(in);
        writer = new LineWriter(out);
    }

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

        /**
         * Its characters, which are its bytes.
         *
         * @return none, one or two characters
         */
        public String text() {
            return text;
        }
    }

    /**
     * A connection to a listener. Addresses: "127.0.0.1:7000", "[::1]:7000", "unix:/path", or
     * "name:7000": a name is looked up on a thread of its own while the strand parks, and its
     * addresses are tried one after the other.
     *
     * @param address of the listener
     * @return the connection
     * @throws java.net.UnknownHostException if no host has that name
     * @throws IOException that names the address, if it is none or the connection fails
     * @throws IllegalStateException outside a strand
     */
    public static LineStream connect(String address) throws IOException {
        return connect(address, Duration.ZERO);
    }

    /**
     * As {@link #connect(String)}, waiting for at most {@code patience}; zero or less: for as long
     * as the system does.
     *
     * @param address of the listener
     * @param patience for all of it
     * @return the connection
     * @throws java.net.SocketTimeoutException if it is not there by then
     * @throws IOException as {@link #connect(String)}
     * @throws IllegalStateException outside a strand
     */
    public static LineStream connect(String address, Duration patience) throws IOException {
        Strand self = Engine.CHOSEN.current();
        if (self == null) {
            throw new IllegalStateException("only a strand can connect");
        }
        return Connector.connect(self, address, Deadlines.patient(patience));
    }

    /**
     * On a descriptor that this process has, such as a pipe's; {@link #close} closes it. Its flags
     * are left as they are. In a strand: for its scheduler; elsewhere for the thread's default one.
     *
     * @param descriptor its number
     * @return the stream
     * @throws IOException if there is no such descriptor
     */
    public static LineStream open(int descriptor) throws IOException {
        return new LineStream(StreamHandle.open(
                Strands.scheduler(), descriptor, false, "descriptor " + descriptor));
    }

    /**
     * A process's standard output, to be read, and its standard input, to be written to. It takes over
     * what {@link Process#getInputStream} and {@link Process#getOutputStream} return, which are at
     * their end from then on; the error output stays. What the process has written is there also
     * after its end. In a strand: for its scheduler; elsewhere for the thread's default one.
     *
     * <pre>{@code
     * Process sort = new ProcessBuilder("sort").start();
     * try (LineStream lines = LineStream.of(sort)) {
     *     lines.writeLine("b");
     *     lines.writeLine("a");
     *     lines.shutdownOutput();
     *     Strands.println(lines.readLine());     // a
     * }
     * }</pre>
     *
     * <p>Closing it ends neither the process nor the wait for it; {@link Process#waitFor()} parks a
     * strand on JDK 21 and later, and on 17 belongs into {@link Strands#blocking}.
     *
     * @param process one that was started with pipes, as by default
     * @return the stream
     * @throws IOException if its input or output was closed, or is no pipe of this process's, since it was
     *     redirected
     * @throws IllegalStateException if its output has been read from before
     * @throws UnsupportedOperationException if this JDK does not show the pipes of a process
     */
    public static LineStream of(Process process) throws IOException {
        Scheduler scheduler = Strands.scheduler();
        ProcessPipes.check(process);     // before anything is taken
        StreamHandle in = ProcessPipes.openOutput(scheduler, process);
        try {
            return new LineStream(in, ProcessPipes.openInput(scheduler, process));
        } catch (Throwable failed) {
            new LineStream(in).close();
            throw failed;
        }
    }

    /**
     * Standard input, for the calling strand's scheduler. Closing it leaves the process's open: the
     * next call returns a new stream on it.
     *
     * @return the stream
     * @throws IOException if another scheduler has it
     * @throws IllegalStateException outside a strand
     */
    public static LineStream standardInput() throws IOException {
        return Strands.inStrand().input();
    }

    /**
     * Standard output, for the calling strand's scheduler. Closing it flushes and leaves the
     * process's open: the next call returns a new stream on it.
     *
     * @return the stream
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
     * The next line without its ending, or null at the end of input. Bytes that are none of the
     * {@link #charset} (UTF-8) become U+FFFD. After each 1,024 lines at once it lets the other
     * strands run, and there an interrupt or a cancel ends it as where it waits; the line stays for
     * the next call.
     *
     * @return the line, or null
     * @throws LineTooLongException once for a line over {@link #maxLineBytes}; the next call goes on after it
     * @throws IOException if reading fails, or the stream is closed meanwhile
     */
    public @Nullable String readLine() throws IOException {
        return reader.next(charset);
    }

    /**
     * The next line's bytes without its ending, put into the buffer; their count, or -1 at the end
     * of input. {@link #ending} tells the rest.
     *
     * @param into gets the bytes, from its position on
     * @return how many, or -1
     * @throws BufferOverflowException if the line does not fit; the next call gets the same line
     * @throws LineTooLongException as {@link #readLine()}
     * @throws IOException as {@link #readLine()}
     */
    public int readLine(ByteBuffer into) throws IOException {
        if (into.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        return reader.next(into);
    }

    /**
     * How the line ended that was read last.
     *
     * @return its ending; {@link Ending#NONE} also at the end of input
     */
    public Ending ending() {
        return reader.ending();
    }

    /**
     * A line, in the {@link #charset} (UTF-8; what that lacks becomes a question mark) and with a
     * newline; whole among strands.
     *
     * @param line without its newline
     * @throws IOException if writing fails, now or what was accepted earlier
     */
    public void writeLine(CharSequence line) throws IOException {
        writer.write(line.toString(), charset, true);
    }

    /**
     * The buffer's bytes and a newline; whole among strands. The buffer's position moves to its
     * limit.
     *
     * @param line without its newline
     * @throws IOException as {@link #writeLine(CharSequence)}
     */
    public void writeLine(ByteBuffer line) throws IOException {
        writer.write(line, true);
    }

    /**
     * The buffer's bytes as they are; whole among strands. The buffer's position moves to its
     * limit.
     *
     * @param bytes from the position to the limit
     * @throws IOException as {@link #writeLine(CharSequence)}
     */
    public void write(ByteBuffer bytes) throws IOException {
        writer.write(bytes, false);
    }

    void write(CharSequence text) throws IOException {
        writer.write(text.toString(), charset, false);
    }

    /**
     * Waits until everything written is with the kernel.
     *
     * @throws IOException if writing fails
     */
    public void flush() throws IOException {
        writer.flush();
    }

    /**
     * Flushes, and ends the output: the peer finds its input at the end. Reading goes on. It is for
     * connections and for {@linkplain #of processes}; anything else has nothing but {@link #close}.
     *
     * @throws IOException if flushing fails, or there is no such end
     */
    public void shutdownOutput() throws IOException {
        if (out != in) {
            out.closeIn(out.strand());
        } else {
            writer.shutdown();
        }
    }

    /**
     * How long each later call may wait; zero or less: for ever, as it is at first. Also outside a
     * strand while the scheduler does not run.
     *
     * @param patience for each call
     */
    public void timeout(Duration patience) {
        scheduler.checkUsableHere();
        in.timeout(patience);
        out.timeout(patience);
    }

    /**
     * How long later lines of the input may be, without their ending; 1 MiB at first. A longer one
     * throws {@link LineTooLongException}, and no more of it is held than that. A server whose peers
     * need not be trusted asks for as much as its lines take.
     *
     * @param bytes the most; zero: 1 MiB
     * @throws IllegalArgumentException if it is negative
     * @throws IOException if the stream is closed
     * @throws IllegalStateException outside its scheduler's strands
     */
    public void maxLineBytes(long bytes) throws IOException {
        if (bytes < 0) {
            throw new IllegalArgumentException("a line of at most " + bytes + " bytes");
        }
        in.strand();
        Native.setMaxLine(in.handle(), bytes);
    }

    /**
     * What later lines are written and read in; UTF-8 at first. Also outside a strand while the
     * scheduler does not run.
     *
     * @param charset for both directions
     * @throws IllegalArgumentException for one in which a newline is not the byte 10, such as
     *     UTF-16
     */
    public void charset(Charset charset) {
        scheduler.checkUsableHere();
        if (!new String(new byte[] {'\n'}, charset).equals("\n") || !charset.canEncode()
                || "\n".getBytes(charset).length != 1) {
            throw new IllegalArgumentException("lines cannot be in " + charset);
        }
        this.charset = charset;
    }

    /**
     * Flushes and closes; whoever waits on it gets an {@link
     * java.nio.channels.AsynchronousCloseException}. An interrupt does not keep it from closing and
     * is still there afterwards. Also from any thread and from strands of other schedulers; what
     * its peer does not take at once goes out in the next run then, if its scheduler does not run.
     * Closing twice does no harm.
     *
     * @throws IOException if flushing fails; it is closed nevertheless
     */
    @Override
    public void close() throws IOException {
        if (in.isClosed() && out.isClosed()) {
            return;
        }
        Strand self = Engine.CHOSEN.current();
        if (self != null && self.scheduler == scheduler) {
            closeIn(self);
        } else {
            Elsewhere.close(scheduler, this::closeWhileIdle, () -> closeIn(in.strand()));
        }
    }

    /** What was written goes out first; where that fails, both are closed nevertheless. */
    private void closeIn(Strand self) throws IOException {
        reader.close();
        try {
            out.closeIn(self);
        } finally {
            in.closeIn(self);
        }
    }

    private void closeWhileIdle() throws IOException {
        reader.close();
        try {
            out.closeWhileIdle();
        } finally {
            in.closeWhileIdle();
        }
    }

    // -- for this package -------------------------------------------------------------------------

    StreamHandle in() {
        return in;
    }

    StreamHandle out() {
        return out;
    }

    boolean isClosed() {
        return in.isClosed();
    }

    @Override
    public String toString() {
        return "LineStream[" + in + "]";
    }
}
