// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * A strand: a piece of plain blocking code that takes turns with the others of its scheduler.
 *
 * <pre>{@code
 * Strand answer = Strands.spawn("answer", () -> result[0] = 42);
 * Strands.spawn(() -> { answer.join(); Strands.println("" + result[0]); });
 * Strands.run();
 * }</pre>
 *
 * <p>All methods may be called from any thread.
 */
public abstract sealed class Strand permits MountedStrand, BatonStrand {
    /** The core's limit, with its final NUL. */
    private static final int NAME_BYTES = 32;

    final Scheduler scheduler;
    /** The control block: the strand's own to use, and only until it has ended. */
    final long control;
    final long id;

    private final String name;
    private @Nullable Runnable body;
    private volatile @Nullable Throwable failure;

    Strand(Scheduler scheduler, long control, @Nullable String name, @Nullable Runnable body) {
        this.scheduler = scheduler;
        this.control = control;
        this.id = Native.id(control);
        this.name = name == null ? "" : name;
        this.body = body;
    }

    /** Unique in the process: no later strand ever has the same. */
    public final long id() {
        return id;
    }

    /** As given at the spawn, else made from the id. */
    public final String name() {
        return name.isEmpty() ? "strand-" + slot() : name;
    }

    /**
     * Waits until this strand has ended; returns at once if it has. A strand parks, any other thread
     * blocks.
     *
     * @throws InterruptedException if the caller is interrupted, which clears its interrupt status
     * @throws CancellationException if the caller is a strand and is canceled
     * @throws IllegalStateException if a strand joins itself, or could not park (see {@link Strands})
     */
    public final void join() throws InterruptedException {
        joinUntil(Native.FOREVER);
    }

    /**
     * Waits until this strand has ended, for at most {@code patience}.
     *
     * @return whether it has ended
     * @throws InterruptedException as {@link #join()}
     * @throws CancellationException as {@link #join()}
     * @throws IllegalStateException as {@link #join()}
     */
    public final boolean join(Duration patience) throws InterruptedException {
        return joinUntil(Deadlines.after(patience));
    }

    /**
     * Asks this strand to end: its current or next call that waits throws a {@link
     * CancellationException}, or an {@link java.io.InterruptedIOException} if it is one on a stream or a
     * listener. It does not wait, and does nothing to one that has ended.
     */
    public final void cancel() {
        Native.cancel(callerControl(), id);
    }

    /** Whether this strand has ended, in whatever way. */
    public abstract boolean isDone();

    /** What ended it, if that was an exception; null also while it runs. */
    public final @Nullable Throwable failure() {
        return failure;
    }

    @Override
    public final String toString() {
        return "Strand[" + name() + "]";
    }

    /** On which its Java code runs. */
    abstract Thread thread();

    final int slot() {
        return (int) id;
    }

    /**
     * The calling strand, armed in a step, parks until it may ask again; only for itself.
     *
     * @return false if it is interrupted (which clears its status), and then it has not parked
     */
    abstract boolean await();

    /** Ends what a step has begun, for a strand that will not call it again. */
    interface GivingUp {
        void giveUp(long self, long operation);
    }

    /**
     * As {@link #await()}, in an operation on {@code where}: it is given up when the strand cannot go
     * on with it, so that the next one comes in.
     */
    final void await(long operation, GivingUp givingUp, String where)
            throws InterruptedIOException {
        boolean resumed;
        try {
            resumed = await();
        } catch (Throwable cannotPark) {
            givingUp.giveUp(control, operation);
            throw cannotPark;
        }
        if (!resumed) {
            givingUp.giveUp(control, operation);
            throw Failure.interruptedIo(where);
        }
    }

    /** For a thread that is no strand. Whether this one has ended. */
    abstract boolean joinFromOutside(long deadlineNs) throws InterruptedException;

    /** 0 where the caller is no strand. */
    static long callerControl() {
        Strand caller = Engine.CHOSEN.current();
        return caller == null ? 0 : caller.control;
    }

    static byte @Nullable [] nameBytes(@Nullable String name) {
        if (name == null || name.isEmpty()) {
            return null;
        }
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        return bytes.length < NAME_BYTES ? bytes : java.util.Arrays.copyOf(bytes, NAME_BYTES - 1);
    }

    private boolean joinUntil(long deadlineNs) throws InterruptedException {
        Strand self = Engine.CHOSEN.current();
        if (self == null) {
            return joinFromOutside(deadlineNs);
        }
        int status;
        while ((status = Native.joinStep(self.control, id, deadlineNs)) == Errno.AGAIN) {
            if (!self.await()) {
                Native.waitDone(self.control);
                throw new InterruptedException("interrupted while joining " + this);
            }
        }
        if (status == Errno.CANCELED) {
            throw Failure.canceled("join of " + this);
        }
        if (status == Errno.DEADLOCK) {
            throw new IllegalStateException(this + " cannot join itself");
        }
        if (status < 0 && status != Errno.TIMED_OUT) {
            throw Failure.misuse(status, "join of " + this);
        }
        return status == 0;
    }

    /** The whole of a strand, on the stack that its engine gave it. */
    final void runBody() {
        Runnable run = Objects.requireNonNull(body);
        body = null;
        try {
            run.run();
        } catch (Throwable thrown) {
            failure = thrown;
            report(thrown);
        }
    }

    /** As a thread's own uncaught exception is, but for a cancel, which is how a strand is to end. */
    final void report(Throwable thrown) {
        if (Failure.isCanceled(thrown)) {
            return;
        }
        Thread thread = Thread.currentThread();
        try {
            if (thread.getName().isEmpty()) {
                thread.setName(name());
            }
            thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
        } catch (Throwable ignored) {
            // As the JDK does: a handler that fails has nobody left to tell.
        }
    }

    final void fail(Throwable thrown) {
        failure = thrown;
        body = null;
    }
}
