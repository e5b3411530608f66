// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Cleaner;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
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
 * <p>{@link #spawn}, {@link #execute}, {@link #stop}, {@link #stats} and {@link #dump} may be
 * called from any thread.
 */
public final class Scheduler implements Executor, AutoCloseable {
    /** Added to {@link #users} by close. */
    private static final int CLOSED = Integer.MIN_VALUE / 2;
    private static final int NUMBERS = 23 + 4 * StackClass.COUNT;
    private static final int NAMES = 3;

    private final long handle;
    /** Calls from outside that are inside the core just now; negative once closed. */
    private final AtomicInteger users = new AtomicInteger();
    private volatile @Nullable CountDownLatch idle;
    /** One closes, another waits until it is closed. */
    private final ReentrantLock closing = new ReentrantLock();
    /** Whoever takes the core, to run it or while it is idle, waits for another who does. */
    private final ReentrantLock outside = new ReentrantLock();

    /** Frees schedulers that nobody closed and nobody can reach, such as those of ended threads. */
    private static final Cleaner CLEANER = Cleaner.create();

    private static final VarHandle RUNNING;

    static {
        try {
            RUNNING = MethodHandles.lookup().findVarHandle(
                    Scheduler.class, "running", Strand.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /** Where the lines of this scheduler's streams land. */
    final LineBuffer line = new LineBuffer();
    private @Nullable StreamMemory memory;
    /** Virtual threads that were started inside strands, to their strands; mounted engine. */
    final Map<Thread, MountedStrand> children = new ConcurrentHashMap<>();
    /** For the watchdog and the exit hook; see {@link #setRunning}. */
    private @Nullable Strand running;
    volatile @Nullable Thread carrier;
    /** The carrier's place to wait for the baton, of each run; baton engine. */
    ParkingSlot carrierSlot = new ParkingSlot(Thread.currentThread());

    private @Nullable LineStream input;
    private @Nullable LineStream output;

    private Scheduler(long handle) {
        this.handle = handle;
        CLEANER.register(this, new Release(handle, users));
    }

    /** Of what is left when the object is gone: no strand, since each has its scheduler. */
    private record Release(long handle, AtomicInteger users) implements Runnable {
        @Override
        public void run() {
            if (users.compareAndSet(0, CLOSED)) {
                Native.shutDown(handle);
            }
        }
    }

    /** With default options. */
    public static Scheduler open() {
        return open(new Options());
    }

    /**
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
        return new Scheduler(made);
    }

    /**
     * A strand that is ready at once, behind those that are ready already.
     *
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
        if (enter()) {
            Native.stop(handle);
            leave();
        }
    }

    /**
     * What this scheduler has done so far; approximate while it runs.
     *
     * @throws IllegalStateException when it is closed
     */
    public Stats stats() {
        long[] numbers = new long[NUMBERS];
        String[] names = new String[NAMES];
        enterOpen();
        int status = Native.stats(handle, numbers, names);
        leave();
        if (status < 0) {
            throw Failure.misuse(status, "stats");
        }
        return Stats.of(numbers, names);
    }

    /**
     * Every strand in a line: its id, name and state, why it is parked and since when.
     *
     * @throws IllegalStateException when it is closed
     */
    public String dump() {
        Strand caller = Engine.CHOSEN.current();
        enterOpen();
        byte @Nullable [] text = Native.dump(
                caller != null && caller.scheduler == this ? caller.control : 0, handle);
        leave();
        return text == null ? "" : new String(text, StandardCharsets.UTF_8);
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
        stop();
        awaitIdle();
        if (users.get() >= 0 && hasStrands()) {
            Native.stop(handle);
            drive();
        }
        int others = users.getAndUpdate(count -> count < 0 ? count : count + CLOSED);
        if (others < 0) {
            return;
        }
        while (users.get() != CLOSED) {
            Thread.onSpinWait();
        }
        Native.shutDown(handle);
    }

    @Override
    public String toString() {
        return "Scheduler@" + Integer.toHexString(System.identityHashCode(this));
    }

    // -- for the rest of the package --------------------------------------------------------------

    /** Valid while it runs, and between enter and leave. */
    long handle() {
        return handle;
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
        if (!enter()) {
            throw new RejectedExecutionException("the scheduler is closed");
        }
        long made = Native.create(handle, name);
        leave();
        if (made < 0) {
            throw Failure.spawn(made);
        }
        return made;
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
            made = new StreamMemory(handle);
            memory = made;
        }
        return made;
    }

    /** Whether it was closed or idle, and then the closing is done; for who is no strand of it. */
    boolean whileIdle(Elsewhere.Closing closing) throws java.io.IOException {
        if (!enter()) {
            return true;
        }
        outside.lock();
        try {
            if (!takeCore("closing from here")) {
                return false;
            }
            try {
                closing.run();
            } finally {
                Native.leave(handle);
            }
            return true;
        } finally {
            outside.unlock();
            leave();
        }
    }

    /**
     * A stream or a listener, made by its handle's call: in a strand of this scheduler, or while it
     * is idle, and then nobody else is in the core.
     */
    long make(LongUnaryOperator making) {
        checkUsableHere();
        if (Engine.CHOSEN.current() != null) {
            return making.applyAsLong(handle);
        }
        enterOpen();
        outside.lock();
        try {
            if (!takeCore("opening from here")) {
                throw runsElsewhere();
            }
            try {
                return making.applyAsLong(handle);
            } finally {
                Native.leave(handle);
            }
        } finally {
            outside.unlock();
            leave();
        }
    }

    /** Whether it is the caller's now, who has the lock; else it runs. */
    private boolean takeCore(String what) {
        int status = Native.enter(handle);
        if (status < 0 && status != Errno.BUSY) {
            throw Failure.misuse(status, what);
        }
        return status == 0;
    }

    private static IllegalStateException runsElsewhere() {
        return new IllegalStateException("this scheduler runs on another thread");
    }

    boolean enter() {
        int count;
        do {
            count = users.get();
            if (count < 0) {
                return false;
            }
        } while (!users.compareAndSet(count, count + 1));
        return true;
    }

    void leave() {
        users.decrementAndGet();
    }

    long lives() {
        return number(0);
    }

    long switches() {
        return number(5);
    }

    boolean isOpen() {
        return users.get() >= 0;
    }

    /** Only while idle or from its strands, for what makes streams. */
    void checkUsableHere() {
        Strand caller = Engine.CHOSEN.current();
        boolean own = caller != null && caller.scheduler == this;
        if (!own && idle != null) {
            throw runsElsewhere();
        }
        if (users.get() < 0) {
            throw new IllegalStateException("this scheduler is closed");
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

    private void enterOpen() {
        if (!enter()) {
            throw new IllegalStateException("this scheduler is closed");
        }
    }

    private long drive() {
        if (Engine.CHOSEN.current() != null) {
            throw new IllegalStateException("run inside a strand");
        }
        if (Engine.isVirtual(Thread.currentThread())) {
            throw new IllegalStateException("run needs a platform thread");
        }
        enterOpen();
        CountDownLatch latch = new CountDownLatch(1);
        beginRun(latch);
        ExitHook.add(this);
        Watchdog.watch(this);
        try {
            return Engine.CHOSEN.drive(this);
        } finally {
            Watchdog.unwatch(this);
            ExitHook.remove(this);
            setRunning(null);
            endRun();
            leave();
            latch.countDown();
        }
    }

    private void beginRun(CountDownLatch latch) {
        outside.lock();
        try {
            int status = Native.enter(handle);
            if (status < 0) {
                leave();
                throw new IllegalStateException(status == Errno.BUSY
                        ? "this scheduler runs already" : "run: " + Errno.text(status));
            }
            idle = latch;
            carrier = Thread.currentThread();
        } finally {
            outside.unlock();
        }
    }

    /** Under the lock: who sees it idle finds the core free. */
    private void endRun() {
        outside.lock();
        try {
            carrier = null;
            idle = null;
            Native.leave(handle);
        } finally {
            outside.unlock();
        }
    }

    private boolean hasStrands() {
        return lives() > 0;
    }

    /** One of the stats; 0 once closed. */
    private long number(int index) {
        if (!enter()) {
            return 0;
        }
        long[] numbers = new long[NUMBERS];
        Native.stats(handle, numbers, new String[NAMES]);
        leave();
        return numbers[index];
    }

    private void awaitIdle() {
        boolean interrupted = false;
        CountDownLatch latch;
        while ((latch = idle) != null) {
            try {
                latch.await();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
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

        /** Of a native strand's stack; 0: 256 KiB. */
        public Options stackBytes(long bytes) {
            stackBytes = notNegative(bytes, "stackBytes");
            return this;
        }

        /** Live at once; 0: no limit but memory. */
        public Options maxStrands(long count) {
            maxStrands = notNegative(count, "maxStrands");
            return this;
        }

        /** {@link Guards#AUTO} by default. */
        public Options guards(Guards kind) {
            guards = Objects.requireNonNull(kind, "guards");
            return this;
        }

        /**
         * Switches between two looks at descriptors and timers while strands are ready; 0: 1,024.
         */
        public Options pollBound(int switches) {
            pollBound = (int) notNegative(switches, "pollBound");
            return this;
        }

        /** How long a stop waits for strands to end; zero: 1 s. */
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
     */
    public record Stats(
            long live, long ready, long parked, long spawned, long finished, long switches,
            long wakes, long remoteWakes, long polls, long timersFired, long stacksLive,
            long stacksPooled, long stackBytesReserved, long linesIn, long linesOut, long bytesIn,
            long bytesOut, long overlongLines, long acceptBackoffs, long pinnedWaits,
            long segmentsLinked, long segmentsFreed, long stackBytesResident,
            List<StackClass> stackClasses, String context, String loop, String guards) {
        private static Stats of(long[] n, String[] names) {
            return new Stats(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10],
                    n[11], n[12], n[13], n[14], n[15], n[16], n[17], n[18], n[19], n[20], n[21],
                    n[22], StackClass.listOf(n, 23), names[0], names[1], names[2]);
        }
    }

    /**
     * Stacks of native strands of one class.
     *
     * @param usableBytes what their frames may use
     * @param live in use
     * @param pooled kept for the next
     * @param trimmed times idle pages of one were given back
     */
    public record StackClass(long usableBytes, long live, long pooled, long trimmed) {
        private static final int COUNT = 7;

        private static List<StackClass> listOf(long[] n, int first) {
            List<StackClass> all = new ArrayList<>(COUNT);
            for (int at = first; at < first + 4 * COUNT; at += 4) {
                all.add(new StackClass(n[at], n[at + 1], n[at + 2], n[at + 3]));
            }
            return List.copyOf(all);
        }
    }
}
