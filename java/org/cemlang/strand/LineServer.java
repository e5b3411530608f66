// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Listens on an address and accepts connections; a strand that has to wait for one parks.
 *
 * <pre>{@code
 * try (LineServer server = LineServer.listen("127.0.0.1:7000")) {
 *     for (;;) { LineStream peer = server.accept(); Strands.spawn(() -> serve(peer)); }
 * }
 * }</pre>
 *
 * <p>It belongs to one scheduler, whose strands alone may use it ({@link IllegalStateException});
 * any thread may {@link #close} it.
 */
public final class LineServer implements AutoCloseable {
    private static final Strand.GivingUp ABANDONING = Native::abandonListen;
    private static final Strand.GivingUp GIVING_UP = Native::giveUpAccept;

    private final Scheduler scheduler;
    private final String address;
    /** 0 once closed, which another thread's close looks at. */
    private volatile long handle;
    /** 0: for ever. */
    private long timeoutNs;

    private LineServer(Scheduler scheduler, long handle, String address) {
        this.scheduler = scheduler;
        this.handle = handle;
        this.address = address;
    }

    /**
     * Addresses: "127.0.0.1:7000", "[::1]:7000", "unix:/path"; port 0: any that is free. In a strand:
     * for its scheduler; elsewhere for the thread's default one. The file of "unix:/path" is its
     * owner's alone (0600); who may connect besides is for {@code Files.setPosixFilePermissions}.
     *
     * <p>In a strand also "name:7000": the name is looked up on a thread of its own while the strand
     * parks, and the first of its addresses that can be had is listened on.
     *
     * @param address where to listen
     * @return the listener
     * @throws java.net.UnknownHostException if no host has that name
     * @throws InterruptedIOException if interrupted while the name is looked up, which clears the
     *     interrupt status, or if the strand is canceled
     * @throws IOException that names the address, if it is none, in use, or not to be had
     */
    public static LineServer listen(String address) throws IOException {
        return listen(address, 0);
    }

    /**
     * As {@link #listen(String)}, where {@code backlog} connections that nobody has accepted yet may
     * wait; 0: as many as the system allows.
     *
     * @param address where to listen
     * @param backlog how many may wait
     * @return the listener
     * @throws IOException as {@link #listen(String)}
     * @throws IllegalArgumentException if backlog is negative
     */
    public static LineServer listen(String address, int backlog) throws IOException {
        if (backlog < 0) {
            throw new IllegalArgumentException("backlog is negative: " + backlog);
        }
        Strand self = Engine.CHOSEN.current();
        Scheduler scheduler = Strands.scheduler();
        byte[] text = address.getBytes(StandardCharsets.UTF_8);
        long made = self == null
                ? scheduler.make(core -> Native.listen(core, text, backlog))
                : listenIn(self, text, backlog, address);
        if (made < 0) {
            throw Failure.at(made, address);
        }
        byte[] bound = Native.listenerAddress(made);
        return new LineServer(scheduler, made,
                bound == null ? address : new String(bound, StandardCharsets.UTF_8));
    }

    private static long listenIn(Strand self, byte[] text, int backlog, String address)
            throws InterruptedIOException {
        long names = Native.beginListen(text);
        if (names < 0) {
            return names;
        }
        long made;
        while ((made = Native.listenStep(self.control(), names, backlog)) == Errno.AGAIN) {
            self.await(names, ABANDONING, address);
        }
        return made;
    }

    /**
     * The address it listens on, with the port that port 0 became.
     *
     * @return an address that can be connected to
     */
    public String address() {
        return address;
    }

    /**
     * The next connection.
     *
     * @return the connection
     * @throws java.net.SocketTimeoutException if none comes within the {@link #timeout}
     * @throws InterruptedIOException if interrupted meanwhile, which clears the interrupt status,
     *     or if the strand is canceled
     * @throws java.nio.channels.AsynchronousCloseException if it is closed meanwhile, or was before
     * @throws IOException if it fails
     */
    public LineStream accept() throws IOException {
        Strand self = strand();
        long listener = handle;
        if (listener == 0) {
            throw Failure.closed(address);
        }
        long deadlineNs = timeoutNs > 0 ? Deadlines.afterNanos(timeoutNs) : Native.FOREVER;
        long stream;
        while ((stream = Native.acceptStep(self.control(), listener, deadlineNs))
                == Errno.AGAIN) {
            self.await(listener, GIVING_UP, address);
        }
        if (stream < 0) {
            throw Failure.io(stream, address);
        }
        return new LineStream(scheduler, stream, "connection on " + address);
    }

    /**
     * How long each later {@link #accept} may wait; zero or less: for ever, as it is at first. Also
     * outside a strand while the scheduler does not run.
     *
     * @param patience for each call
     */
    public void timeout(Duration patience) {
        scheduler.checkUsableHere();
        timeoutNs = Math.max(0, Deadlines.nanos(patience));
    }

    /**
     * Stops listening; whoever waits in {@link #accept} gets an {@link
     * java.nio.channels.AsynchronousCloseException}. Also from any thread and from strands of other
     * schedulers. Closing twice does no harm.
     */
    @Override
    public void close() {
        if (handle == 0) {
            return;
        }
        Strand self = Engine.CHOSEN.current();
        if (self != null && self.scheduler == scheduler) {
            closeHere();
            return;
        }
        try {
            Elsewhere.close(scheduler, this::closeHere, this::closeHere);
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** On the carrier, or while there is none. */
    private void closeHere() {
        long listener = handle;
        handle = 0;
        if (listener != 0) {
            Native.closeListener(listener);
        }
    }

    @Override
    public String toString() {
        return "LineServer[" + address + "]";
    }

    private Strand strand() {
        Strand self = Engine.CHOSEN.current();
        if (self == null || self.scheduler != scheduler) {
            throw new IllegalStateException("only a strand of its scheduler may use " + this);
        }
        return self;
    }
}
