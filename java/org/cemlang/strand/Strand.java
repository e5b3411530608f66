// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.InterruptedIOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
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
 *
 * <p>There is no call that wakes a strand: what it waits for does. Where Java code waits for a sign, the
 * JDK's means serve, a queue or {@link java.util.concurrent.locks.LockSupport#unpark} with the strand's
 * thread, and those of {@link Scheduler#newExecutor} also on the baton engine.
 */
public abstract sealed class Strand permits MountedStrand, BatonStrand, NativeStrand {
    /** The core's limit, with its final NUL. */
    private static final int NAME_BYTES = 32;

    private static final VarHandle OUTCOME;

    static {
        try {
            OUTCOME = MethodHandles.lookup().findVarHandle(
                    Strand.class, "outcome", Object.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    final Scheduler scheduler;
    final long id;

    private @Nullable Runnable body;
    /** Null; what ended it; or, once someone has asked for it, the future that tells the end. */
    private volatile @Nullable Object outcome;

    /** {@code body} is null where others run it. */
    Strand(Scheduler scheduler, long id, @Nullable Runnable body) {
        this.scheduler = scheduler;
        this.id = id;
        this.body = body;
    }

    /**
     * Unique in the process: no later strand ever has the same.
     *
     * @return the id
     */
    public final long id() {
        return id;
    }

    /**
     * As given at the spawn, or to its thread later, else made from the id. Dumps of the scheduler go
     * on with the one of the spawn.
     *
     * @return the name
     */
    public final String name() {
        return nameOf(givenName());
    }

    final String nameOf(@Nullable String given) {
        return given == null || given.isEmpty() ? "strand-" + slot() : given;
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
     * @param patience how long
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

    /**
     * Whether this strand has ended, in whatever way.
     *
     * @return whether it has
     */
    public final boolean isDone() {
        return hasEnded() || outcome instanceof CompletableFuture<?> future && future.isDone();
    }

    /**
     * What ended it, if that was an exception; null also while it runs, and for a thread that was started
     * inside a strand and became one by itself: its exception goes to its handler alone.
     *
     * @return the exception, or null
     */
    public final @Nullable Throwable failure() {
        Object known = outcome;
        return known instanceof CompletableFuture<?> future
                ? StrandFuture.failureOf(future) : (Throwable) known;
    }

    /**
     * A future of this strand's end: completed with null, or exceptionally with what ended it ({@link
     * #failure}; after a cancel that is a {@link CancellationException}). Each call makes another one.
     * A strand that waits for it ({@code get}, {@code join}) parks, on either engine; what depends on
     * it runs as the last thing that this strand does, and may park.
     *
     * <p>{@link CompletableFuture#cancel} of the future {@linkplain #cancel cancels} this strand and
     * completes the future at once, which is cancelled then; the strand may still have its cleaning up
     * to do. Any other way of completing the future leaves the strand alone.
     *
     * @return a new future
     */
    public final CompletableFuture<@Nullable Void> toCompletableFuture() {
        return new StrandFuture(this, end());
    }

    @Override
    public final String toString() {
        return "Strand[" + name() + "]";
    }

    /** The control block: the strand's own to use, and only until it has ended; 0 where it runs C. */
    abstract long control();

    /** Empty for none. */
    abstract String givenName();

    /** On which its Java code runs. */
    abstract Thread thread();

    /** Whether its body, and all that belongs to it, is over. */
    abstract boolean hasEnded();

    /** Told at the end, not by anybody else. */
    final CompletableFuture<@Nullable Void> end() {
        CompletableFuture<@Nullable Void> made = new CompletableFuture<>();
        Object known = OUTCOME.compareAndExchange(this, null, made);
        if (known instanceof CompletableFuture<?>) {
            @SuppressWarnings("unchecked")
            CompletableFuture<@Nullable Void> asked = (CompletableFuture<@Nullable Void>) known;
            return asked;
        }
        if (known != null) {
            made.completeExceptionally((Throwable) known);
        } else if (hasEnded()) {
            made.complete(null);
        }
        return made;
    }

    /** By the strand itself, at its end; whoever asks after that finds out alone. */
    private void tellEnd(@Nullable Throwable thrown) {
        if (thrown != null && OUTCOME.compareAndSet(this, null, thrown)) {
            return;
        }
        if (outcome instanceof CompletableFuture<?> asked) {
            if (thrown == null) {
                asked.complete(null);
            } else {
                asked.completeExceptionally(thrown);
            }
        }
    }

    /**
     * By whoever sees its end from outside, after {@link #hasEnded}: for one who asked too late for the
     * strand and too early to find out alone. What depends on the future must not run here.
     */
    final void tellLateEnd() {
        if (outcome instanceof CompletableFuture<?> asked && !asked.isDone()) {
            elsewhere(() -> asked.complete(null));
        }
    }

    /** Without a thread to be had it is done here: else the carrier, or the baton, would be lost. */
    private static void elsewhere(Runnable completing) {
        try {
            Helpers.THREADS.execute(completing);
        } catch (OutOfMemoryError noThread) {
            completing.run();
        }
    }

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
            givingUp.giveUp(control(), operation);
            throw cannotPark;
        }
        if (!resumed) {
            givingUp.giveUp(control(), operation);
            throw Failure.interruptedIo(where);
        }
    }

    /** For a thread that is no strand. Whether this one has ended. */
    abstract boolean joinFromOutside(long deadlineNs) throws InterruptedException;

    /** 0 where the caller is no strand. */
    static long callerControl() {
        Strand caller = Engine.CHOSEN.current();
        return caller == null ? 0 : caller.control();
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
        while ((status = Native.joinStep(self.control(), id, deadlineNs)) == Errno.AGAIN) {
            if (!self.await()) {
                Native.waitDone(self.control());
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
        runBody(run);
    }

    final void runBody(Runnable run) {
        try {
            run.run();
        } catch (Throwable thrown) {
            tellEnd(thrown);
            report(thrown);
            return;
        }
        tellEnd(null);
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

    /** It ends without a beginning. */
    final void fail(Throwable thrown) {
        body = null;
        if (!OUTCOME.compareAndSet(this, null, thrown)) {
            CompletableFuture<?> asked = (CompletableFuture<?>) Objects.requireNonNull(outcome);
            elsewhere(() -> asked.completeExceptionally(thrown));
        }
    }
}
