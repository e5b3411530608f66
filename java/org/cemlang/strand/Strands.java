// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * Strands of the calling thread: where most programs begin and end.
 *
 * <pre>{@code
 * for (String name : List.of("A", "B", "C"))
 *     Strands.spawn(name, () -> { Strands.print(name); Strands.yield(); Strands.print(name); });
 * Strands.run();     // prints ABCABC
 * }</pre>
 *
 * <p>Inside a strand these methods act on that strand's scheduler, elsewhere on the calling thread's
 * default one.
 *
 * <p><b>Waiting.</b> A call of this package that has to wait parks its strand; others run. {@link
 * Thread#interrupt} and {@link Strand#cancel} end such a wait: on a stream or a listener with an
 * {@link java.io.InterruptedIOException}, elsewhere the first with an {@link InterruptedException}
 * and the second with a {@link CancellationException}. The interrupt status is clear then. A call
 * that need not wait meets neither.
 *
 * <p><b>Where a strand cannot park</b>: in a class initialiser, or under a native method that called
 * Java (and holding a monitor, on JDK 21 to 23). There a wait for a descriptor or a time holds up the
 * carrier, which {@link Scheduler.Stats#pinnedWaits} counts, and a wait that only another strand
 * could end throws {@link IllegalStateException}.
 */
public final class Strands {
    private static final ThreadLocal<Scheduler> DEFAULT = ThreadLocal.withInitial(Scheduler::open);

    private Strands() {}

    /**
     * A strand that is ready at once, behind those that are ready already.
     *
     * @param body what it runs
     * @return the strand
     * @throws java.util.concurrent.RejectedExecutionException while the scheduler stops
     */
    public static Strand spawn(Runnable body) {
        return scheduler().spawn(body);
    }

    /**
     * As {@link #spawn(Runnable)}. The name stands in dumps and is the thread's.
     *
     * @param name the strand's
     * @param body what it runs
     * @return the strand
     * @throws java.util.concurrent.RejectedExecutionException while the scheduler stops
     */
    public static Strand spawn(String name, Runnable body) {
        return scheduler().spawn(name, body);
    }

    /** Lets every other ready strand run first; nothing outside a strand. */
    public static void yield() {
        Engine.CHOSEN.yield();
    }

    /**
     * Runs the strands of the calling thread's default scheduler until all have ended.
     *
     * @throws DeadlockException when every remaining strand waits for another
     * @throws IllegalStateException from inside a strand
     */
    public static void run() {
        if (Engine.CHOSEN.current() != null) {
            throw new IllegalStateException("Strands.run inside a strand");
        }
        DEFAULT.get().run();
    }

    /**
     * The calling strand; null elsewhere.
     *
     * @return the strand, or null
     */
    public static @Nullable Strand current() {
        return Engine.CHOSEN.current();
    }

    /**
     * Parks for a time; zero or less yields. Outside a strand the thread sleeps.
     *
     * @param duration how long
     * @throws InterruptedException if interrupted meanwhile, which clears the interrupt status
     * @throws CancellationException if the strand is canceled
     */
    public static void sleep(Duration duration) throws InterruptedException {
        Objects.requireNonNull(duration, "duration");
        Strand self = Engine.CHOSEN.current();
        if (self == null) {
            long nanos = Math.max(0, Deadlines.nanos(duration));
            Thread.sleep(nanos / 1_000_000, (int) (nanos % 1_000_000));
        } else if (duration.isZero() || duration.isNegative()) {
            Engine.CHOSEN.yield();
        } else {
            sleepUntil(self, Deadlines.after(duration));
        }
    }

    /**
     * The next line of standard input without its ending, or null at its end. Bytes that are no UTF-8
     * become U+FFFD.
     *
     * @return the line, or null
     * @throws LineTooLongException once for a line over 1 MiB
     * @throws IOException if reading fails, or another scheduler has standard input
     * @throws IllegalStateException outside a strand
     */
    public static @Nullable String readLine() throws IOException {
        return inStrand().input().readLine();
    }

    /**
     * A line on standard output, as UTF-8 and with a newline. It goes out when the strand parks or
     * ends, or when 64 KiB wait.
     *
     * @param line without its newline
     * @throws IOException if writing fails, now or what was accepted earlier, or another scheduler has
     *     standard output
     * @throws IllegalStateException outside a strand
     */
    public static void writeLine(CharSequence line) throws IOException {
        Objects.requireNonNull(line, "line");
        inStrand().output().writeLine(line);
    }

    /**
     * Text on standard output.
     *
     * @param text what is printed
     * @throws UncheckedIOException where {@link #writeLine} throws, so that it can stand in a lambda
     * @throws IllegalStateException outside a strand
     */
    public static void print(CharSequence text) {
        Objects.requireNonNull(text, "text");
        try {
            inStrand().output().write(text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Text and a newline on standard output.
     *
     * @param text what is printed
     * @throws UncheckedIOException as {@link #print}
     * @throws IllegalStateException outside a strand
     */
    public static void println(CharSequence text) {
        Objects.requireNonNull(text, "text");
        try {
            inStrand().output().writeLine(text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A newline on standard output; as {@link #println(CharSequence)}. */
    public static void println() {
        println("");
    }

    /**
     * Runs on a helper thread what would hold up the carrier (files, name resolution, {@code
     * System.in}, processes), while the strand parks. Outside a strand it runs right here.
     *
     * @param <T> what the call returns
     * @param call what would hold up the carrier
     * @return what the call returns
     * @throws InterruptedException if interrupted meanwhile; the helper thread is interrupted then
     * @throws CancellationException if the strand is canceled; the helper thread is interrupted then
     * @throws Exception what the call throws
     */
    public static <T extends @Nullable Object> T blocking(Callable<T> call) throws Exception {
        Objects.requireNonNull(call, "call");
        Strand self = Engine.CHOSEN.current();
        return self == null ? call.call() : Helpers.call(call);
    }

    /**
     * Which engine runs strands here, and why that one.
     *
     * @return a line such as "mounted: virtual threads ..."
     */
    public static String engine() {
        return Engine.CHOSEN.description();
    }

    /** Of the calling strand, else of the calling thread. */
    static Scheduler scheduler() {
        Strand self = Engine.CHOSEN.current();
        return self == null ? DEFAULT.get() : self.scheduler;
    }

    /** Of the calling strand, which there must be. */
    static Scheduler inStrand() {
        Strand self = Engine.CHOSEN.current();
        if (self == null) {
            throw new IllegalStateException("only a strand can do this; spawn one and run it");
        }
        return self.scheduler;
    }

    private static void sleepUntil(Strand self, long deadlineNs) throws InterruptedException {
        int status;
        while ((status = Native.sleepStep(self.control(), deadlineNs)) == Errno.AGAIN) {
            if (!self.await()) {
                Native.waitDone(self.control());
                throw new InterruptedException("interrupted while sleeping");
            }
        }
        if (status == Errno.CANCELED) {
            throw Failure.canceled("sleep");
        }
        if (status < 0) {
            throw Failure.misuse(status, "sleep");
        }
    }
}
