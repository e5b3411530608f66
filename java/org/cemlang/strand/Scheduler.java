// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A scheduler of one's own: a ready queue, a loop, and the strands that take turns on the thread
 * that calls {@link #run()}.
 *
 * <pre>{@code
 * try (Scheduler scheduler = Scheduler.open()) {
 *     scheduler.spawn("greeter", () -> Strands.println("hello"));
 *     scheduler.run();
 * }
 * }</pre>
 *
 * <p>All that spawns, {@link #newExecutor}, {@link #threadFactory}, {@link #stop}, {@link
 * #shutdownNow}, {@link #stats} and {@link #dump} may be called from any thread, and {@link #close} from
 * any that is none of its strands. Three calls end strands:
 *
 * <table class="striped">
 *   <caption>Calls that end strands</caption>
 *   <thead><tr><th></th><th>its strands</th><th>it returns</th><th>afterwards</th></tr></thead>
 *   <tbody>
 *     <tr><td>{@link #stop}</td><td>are canceled</td><td>at once</td>
 *         <td>once the run has ended, new strands are taken again</td></tr>
 *     <tr><td>{@link #shutdownNow}</td><td>are canceled</td><td>at once</td>
 *         <td>new strands are rejected for good</td></tr>
 *     <tr><td>{@link #close}</td><td>are canceled</td>
 *         <td>when they have ended, or the grace period is over</td>
 *         <td>the scheduler is gone</td></tr>
 *   </tbody>
 * </table>
 */
public final class Scheduler implements Executor, AutoCloseable {
    private static final VarHandle RUNNING;

    static {
        try {
            RUNNING = MethodHandles.lookup().findVarHandle(
                    Scheduler.class, "running", Strand.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final Core core;
    /** One closes, another waits until it is closed. */
    private final ReentrantLock closing = new ReentrantLock();
    /** Where the lines of this scheduler's streams land. */
    final LineBuffer line = new LineBuffer();
    private @Nullable StreamMemory memory;
    final Children children = new Children(this);
    final Recorder recorder = new Recorder(this);
    /** By {@link #shutdownNow} and {@link #close}. */
    private volatile boolean shutDown;
    final boolean hasLimit;
    /** For the watchdog and the exit hook; see {@link #setRunning}. */
    private @Nullable Strand running;
    volatile @Nullable Thread carrier;
    /** The carrier's place to wait for the baton, of each run; baton engine. */
    ParkingSlot carrierSlot = new ParkingSlot(Thread.currentThread());

    private volatile CarrierHolds carrierHolds = new CarrierHolds(0, "");

    private @Nullable LineStream input;
    private @Nullable LineStream output;

    /** The engine's way to this scheduler's own memory; null where it has none. */
    final @Nullable CoreMemory window;
    /** What the JDK's dumps find its strands in; mounted engine. */
    final @Nullable Object threads;

    private Scheduler(long handle, boolean limited) {
        core = new Core(handle);
        window = Engine.CHOSEN.window(handle);
        hasLimit = limited;
        threads = Engine.CHOSEN.container(this);
    }

    /**
     * With default options.
     *
     * @return a scheduler that is yours to close
     */
    public static Scheduler open() {
        return open(new Options());
    }

    /**
     * With options of one's own.
     *
     * @param options what it is to be like
     * @return a scheduler that is yours to close
     * @throws IllegalArgumentException for options that cannot be
     * @throws IllegalStateException if the system has no descriptors left
     * @throws UnsupportedOperationException if the engine that was asked for cannot run here
     */
    public static Scheduler open(Options options) {
        Engine.CHOSEN.checkUsable();
        long made = Native.open(options.stackBytes, options.maxStrands,
                options.guards.ordinal(), options.pollBound, options.graceNs);
        if (made < 0) {
            throw Failure.misuse(made, "opening a scheduler");
        }
        return new Scheduler(made, options.maxStrands > 0);
    }

    /**
     * A strand that is ready at once, behind those that are ready already.
     *
     * @param body what it runs
     * @return the strand
     * @throws RejectedExecutionException while this scheduler stops, when it is closed, or at its
     *     limit of strands
     */
    public Strand spawn(Runnable body) {
        return spawnNamed(null, body);
    }

    /**
     * As {@link #spawn(Runnable)}. The name stands in dumps (its first 31 bytes) and is the
     * thread's.
     *
     * @param name the strand's
     * @param body what it runs
     * @return the strand
     * @throws RejectedExecutionException as {@link #spawn(Runnable)}
     */
    public Strand spawn(String name, Runnable body) {
        return spawnNamed(Objects.requireNonNull(name, "name"), body);
    }

    /** {@link #spawn(Runnable)}, for whoever wants an executor. */
    @Override
    public void execute(Runnable body) {
        spawnNamed(null, body);
    }

    /**
     * A strand whose body is a C function on a stack of its own, {@code void entry(void *argument)}, such
     * as a symbol that the foreign-function interface has found, or what a JNI library returns. It may
     * call all of {@code strand.h}, and stands in the same ready queue, counts and dumps; joining and
     * canceling it is as with any other. It cannot run Java, so that {@code entry} must be no upcall:
     * that ends the process.
     *
     * @param entry the function's address
     * @param argument what it is called with
     * @return the strand; its {@link Strand#failure} is always null
     * @throws IllegalArgumentException if {@code entry} is 0
     * @throws RejectedExecutionException as {@link #spawn(Runnable)}
     */
    public Strand spawnNative(long entry, long argument) {
        return spawnNativeNamed(null, entry, argument);
    }

    /**
     * As {@link #spawnNative(long, long)}. The name stands in dumps (its first 31 bytes).
     *
     * @param name the strand's
     * @param entry the function's address
     * @param argument what it is called with
     * @return the strand
     * @throws IllegalArgumentException if {@code entry} is 0
     * @throws RejectedExecutionException as {@link #spawn(Runnable)}
     */
    public Strand spawnNative(String name, long entry, long argument) {
        return spawnNativeNamed(Objects.requireNonNull(name, "name"), entry, argument);
    }

    /**
     * An executor service whose tasks are strands of this scheduler, each a new one. Until it is shut
     * down a run goes on, also while there is nothing to do: a strand named "executor" stands for it.
     * Waiting for a task's future, for the first of several ({@code invokeAny}), or for the executor's end
     * parks a strand, on either engine, and blocks any other thread; somebody has to run the scheduler
     * meanwhile.
     *
     * <p>As with any executor, {@code shutdownNow} and {@code Future.cancel(true)} interrupt, which also
     * ends waits of the JDK; a strand that has not begun does not begin. The executor's end leaves the
     * scheduler and its other strands alone, and the end of the scheduler ({@link #stop}, {@link
     * #shutdownNow}, {@link #close}) shuts the executor down.
     *
     * @return a new executor
     * @throws RejectedExecutionException as {@link #spawn(Runnable)}
     */
    public ExecutorService newExecutor() {
        return new StrandExecutor(this);
    }

    /**
     * A factory of virtual threads that become strands of this scheduler when they are started, from
     * whatever thread; for {@code StructuredTaskScope}, {@code Executors.newThreadPerTaskExecutor} and
     * whatever else takes a factory. Starting one throws what {@link #spawn(Runnable)} throws.
     *
     * <p>Inside a strand none is needed: a virtual thread that is made there becomes a strand of the same
     * scheduler by itself.
     *
     * @return the factory
     * @throws UnsupportedOperationException on the baton engine: the threads of those who take a factory
     *     wait in calls of the JDK, which keep the baton
     */
    public ThreadFactory threadFactory() {
        return Engine.CHOSEN.threadFactory(this);
    }

    /**
     * Makes the calling thread the carrier until every strand has ended, or a stop has run its
     * course. An interrupt of that thread does not end it.
     *
     * @throws DeadlockException when every remaining strand waits for another
     * @throws IllegalStateException from inside a strand, on a virtual thread, or when it runs
     *     already
     */
    public void run() {
        long code = drive();
        if (code == Errno.DEADLOCK) {
            throw new DeadlockException("every remaining strand waits for another\n" + dump());
        }
        if (code != Native.OVER) {
            throw Failure.misuse(code, "run");
        }
    }

    /**
     * Asks every strand to end: each is canceled, no new one begins, and {@link #run()} returns
     * when all have ended or the grace period is over. Those left are named on standard error.
     */
    public void stop() {
        if (core.enter()) {
            Native.stop(core.handle());
            core.leave();
        }
    }

    /**
     * As {@link #stop()}, but for good: from now on every spawn is rejected. Returns at once, and the
     * strands end in the run that is on, or in the next, or in {@link #close}.
     */
    public void shutdownNow() {
        shutDown = true;
        stop();
    }

    /**
     * What this scheduler has done so far; approximate while it runs.
     *
     * @return the counts
     * @throws IllegalStateException when it is closed
     */
    public Stats stats() {
        return Counts.stats(core, carrierHolds);
    }

    /**
     * Every strand in a line: its id, name and state, why it is parked and since when.
     *
     * @return the lines
     * @throws IllegalStateException when it is closed
     */
    public String dump() {
        return Dump.of(this, core, false);
    }

    /**
     * As {@link #dump()}, and below each strand that is not running who called whom: of a Java strand
     * its thread's stack trace, of a native one its functions as far as they have names.
     *
     * @return the lines
     * @throws IllegalStateException when it is closed
     */
    public String dumpStacks() {
        return Dump.of(this, core, true);
    }

    /**
     * Ends what is left as {@link #stop()} does, flushes and closes its streams, and frees it.
     * Waits for a run on another thread to end. Closing twice does no harm.
     *
     * @throws IllegalStateException from inside one of its own strands, and while it has strands
     *     left from inside any other or on a virtual thread, which cannot run them to their end
     */
    @Override
    public void close() {
        Strand caller = Engine.CHOSEN.current();
        if (caller != null && caller.scheduler == this) {
            throw new IllegalStateException("a strand cannot close its own scheduler");
        }
        closing.lock();
        try {
            closeAlone();
        } finally {
            closing.unlock();
        }
    }

    private void closeAlone() {
        shutDown = true;
        stop();
        core.awaitCallers();     // a spawn that is on its way in is counted then; later ones are rejected
        boolean driven = false;
        while (!driven && core.isOpen() && lives() > 0) {
            checkMayDrive();
            driven = core.tryBeginRun();
            if (driven) {
                driveBegun();
            } else {             // a run that began just now ends them, or leaves some to us
                core.awaitIdle();
            }
        }
        core.free();
    }

    @Override
    public String toString() {
        return "Scheduler@" + Integer.toHexString(System.identityHashCode(this));
    }

    // -- for the rest of the package --------------------------------------------------------------

    /** For its strands, whose turns keep it. */
    long handle() {
        return core.handle();
    }

    /** How often a strand held the carrier for too long, and who was the last. */
    record CarrierHolds(long count, String lastBy) {}

    /** By the watchdog's thread alone. */
    void countCarrierHold(Strand by) {
        carrierHolds = new CarrierHolds(carrierHolds.count() + 1, by.name());
    }

    /** Who has a turn, null between turns. Released only: each switch makes two. */
    void setRunning(@Nullable Strand strand) {
        RUNNING.setRelease(this, strand);
    }

    @Nullable Strand running() {
        return (Strand) RUNNING.getAcquire(this);
    }

    /** A control block; its scheduler is held meanwhile. */
    long createControl(byte @Nullable [] name) {
        long spare = name == null && !shutDown ? Engine.CHOSEN.spareControl(this) : 0;
        if (spare != 0) {
            return spare;
        }
        enterToSpawn();
        long made = Native.create(core.handle(), name);
        core.leave();
        if (made < 0) {
            throw Failure.spawn(made);
        }
        return made;
    }

    private void enterToSpawn() {
        if (shutDown || !core.enter()) {
            throw rejected();
        }
        if (shutDown) {     // again, in there: close waits for those who are, and then for their strands
            core.leave();
            throw rejected();
        }
    }

    private RejectedExecutionException rejected() {
        return new RejectedExecutionException(
                core.isOpen() ? "the scheduler is shut down" : "the scheduler is closed");
    }

    /** For a control block whose strand could not be started. */
    void abandon(long control) {
        long id = Native.id(control);
        StrandTable.put((int) id, null);
        Native.abandon(id);
    }

    /** Of the calling strand, which is this scheduler's. */
    LineStream input() throws java.io.IOException {
        LineStream stream = input;
        if (stream == null || stream.isClosed()) {
            stream = LineStream.standard(this, 0, "standard input");
            input = stream;
        }
        return stream;
    }

    LineStream output() throws java.io.IOException {
        LineStream stream = output;
        if (stream == null || stream.isClosed()) {
            stream = LineStream.standard(this, 1, "standard output");
            output = stream;
        }
        return stream;
    }

    /** Of its streams; for its strands. */
    StreamMemory memory() {
        StreamMemory made = memory;
        if (made == null) {
            made = new StreamMemory(core.handle());
            memory = made;
        }
        return made;
    }

    /** Whether it was closed or idle, and then the closing is done; for who is no strand of it. */
    boolean whileIdle(Elsewhere.Closing closing) throws java.io.IOException {
        return core.whileIdle(closing);
    }

    /**
     * A stream or a listener, made by its handle's call: in a strand of this scheduler, or while it
     * is idle, and then nobody else is in the core.
     */
    long make(LongUnaryOperator making) {
        checkUsableHere();
        return Engine.CHOSEN.current() != null
                ? making.applyAsLong(core.handle()) : core.make(making);
    }

    long lives() {
        return Counts.live(core);
    }

    long switches() {
        return Counts.switches(core);
    }

    boolean isOpen() {
        return core.isOpen();
    }

    /** Only while idle or from its strands, for what makes streams. */
    void checkUsableHere() {
        Strand caller = Engine.CHOSEN.current();
        boolean own = caller != null && caller.scheduler == this;
        if (!own && core.isRunning()) {
            throw Core.runsElsewhere();
        }
        if (!core.isOpen()) {
            throw Core.closed();
        }
    }

    private Strand spawnNamed(@Nullable String name, Runnable body) {
        Objects.requireNonNull(body, "body");
        long control = createControl(Strand.nameBytes(name));
        try {
            return Engine.CHOSEN.start(this, control, name, body);
        } catch (Throwable notStarted) {
            abandon(control);
            throw notStarted;
        }
    }

    private Strand spawnNativeNamed(@Nullable String name, long entry, long argument) {
        if (entry == 0) {
            throw new IllegalArgumentException("no function to run: its address is 0");
        }
        NativeEnd end = new NativeEnd();
        long[] id = new long[1];
        enterToSpawn();
        int status = Native.spawnNative(Strand.callerControl(), core.handle(),
                Strand.nameBytes(name), entry, argument, end, id);
        core.leave();
        if (status < 0) {
            throw Failure.spawn(status);
        }
        return new NativeStrand(this, id[0], name, end);
    }

    private long drive() {
        checkMayDrive();
        if (!core.tryBeginRun()) {
            throw new IllegalStateException("this scheduler runs already");
        }
        return driveBegun();
    }

    private static void checkMayDrive() {
        if (Engine.CHOSEN.current() != null) {
            throw new IllegalStateException("run inside a strand");
        }
        if (Engine.isVirtual(Thread.currentThread())) {
            throw new IllegalStateException("run needs a platform thread");
        }
    }

    private long driveBegun() {
        try {
            carrier = Thread.currentThread();
            if (shutDown) {      // an earlier run may have had the stop, and left some
                Native.stop(core.handle());
            }
            ExitHook.add(this);
            Watchdog.watch(this);
            long code = Engine.CHOSEN.drive(this);
            ExitHook.goOnWithExit(this);
            return code;
        } finally {
            Watchdog.unwatch(this);
            ExitHook.remove(this);
            setRunning(null);
            carrier = null;
            core.endRun();
        }
    }

    /** How a strand's stack is guarded against overflow; native strands only have such stacks. */
    public enum Guards {
        /** The cheapest that the kernel really has. */
        AUTO,
        /** By {@code mprotect}, up to a share of what the kernel allows. */
        MPROTECT,
        /** Not at all: an overflow corrupts its neighbour. */
        NONE
    }

    /** What a scheduler is opened with. Each method returns the same object. */
    public static final class Options {
        private long stackBytes;
        private long maxStrands;
        private Guards guards = Guards.AUTO;
        private int pollBound;
        private long graceNs;

        /** All defaults. */
        public Options() {}

        /**
         * Of a native strand's stack; 0: 256 KiB.
         *
         * @param bytes usable ones
         * @return this object
         */
        public Options stackBytes(long bytes) {
            stackBytes = notNegative(bytes, "stackBytes");
            return this;
        }

        /**
         * Live at once; 0: no limit but memory.
         *
         * @param count the limit
         * @return this object
         */
        public Options maxStrands(long count) {
            maxStrands = notNegative(count, "maxStrands");
            return this;
        }

        /**
         * {@link Guards#AUTO} by default.
         *
         * @param kind which
         * @return this object
         */
        public Options guards(Guards kind) {
            guards = Objects.requireNonNull(kind, "guards");
            return this;
        }

        /**
         * Switches between two looks at descriptors and timers while strands are ready; 0: 1,024.
         *
         * @param switches how many
         * @return this object
         */
        public Options pollBound(int switches) {
            pollBound = (int) notNegative(switches, "pollBound");
            return this;
        }

        /**
         * How long a stop waits for strands to end; zero: 1 s.
         *
         * @param duration how long
         * @return this object
         */
        public Options grace(Duration duration) {
            graceNs = notNegative(Deadlines.nanos(duration), "grace");
            return this;
        }

        private static long notNegative(long value, String what) {
            if (value < 0) {
                throw new IllegalArgumentException(what + " is negative: " + value);
            }
            return value;
        }
    }

    /**
     * Counts since the scheduler was opened, by the names of the C interface's structure.
     *
     * @param live strands now
     * @param ready of those, in the ready queue
     * @param parked of those, waiting
     * @param spawned strands so far
     * @param finished strands that have ended
     * @param switches times a strand was given the carrier
     * @param wakes parked strands made ready
     * @param remoteWakes those from other threads
     * @param polls looks at the descriptors
     * @param timersFired deadlines that came
     * @param stacksLive stacks of native strands in use
     * @param stacksPooled stacks kept for the next
     * @param stackBytesReserved address space for stacks
     * @param linesIn lines read
     * @param linesOut lines written
     * @param bytesIn bytes read
     * @param bytesOut bytes written
     * @param overlongLines lines over the limit
     * @param acceptBackoffs pauses for want of descriptors
     * @param pinnedWaits waits that held the carrier
     * @param segmentsLinked further stack segments that native strands grew by
     * @param segmentsFreed those given back
     * @param stackBytesResident of stacks in memory, as of the last look for idle pages
     * @param stackClasses stacks of native strands by class, the smallest first
     * @param context how native strands are switched: "asm", "ucontext"
     * @param loop how descriptors are watched: "epoll" or "kqueue"
     * @param guards how stacks are guarded: "lightweight", "mprotect", "none"
     * @param carrierHolds times the watchdog found that a strand had held the carrier for a second while
     *     there were others
     * @param carrierHolder the last one's name; "" if there was none
     */
    public record Stats(
            long live, long ready, long parked, long spawned, long finished, long switches,
            long wakes, long remoteWakes, long polls, long timersFired, long stacksLive,
            long stacksPooled, long stackBytesReserved, long linesIn, long linesOut, long bytesIn,
            long bytesOut, long overlongLines, long acceptBackoffs, long pinnedWaits,
            long segmentsLinked, long segmentsFreed, long stackBytesResident,
            List<StackClass> stackClasses, String context, String loop, String guards,
            long carrierHolds, String carrierHolder) {}

    /**
     * Stacks of native strands of one class.
     *
     * @param usableBytes what their frames may use
     * @param live in use
     * @param pooled kept for the next
     * @param trimmed times idle pages of one were given back
     */
    public record StackClass(long usableBytes, long live, long pooled, long trimmed) {}
}
