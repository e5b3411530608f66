// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.lang.ref.Cleaner;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A scheduler's part of the library, and who is in there. Its strands are whenever they have a turn;
 * for everybody else:
 *
 * <pre>
 *   enter .. leave          calls that any thread may make; it is not freed meanwhile
 *   tryBeginRun .. endRun   the carrier, one at a time
 *   whileIdle, make         in place of a carrier, one at a time
 *   free                    nobody comes in any more; gone when the last one is out
 * </pre>
 */
final class Core {
    /** Added to {@link #users} by free. */
    private static final int CLOSED = Integer.MIN_VALUE / 2;

    /** Frees what nobody closed and nobody can reach, such as what belonged to ended threads. */
    private static final Cleaner CLEANER = Cleaner.create();

    private final long handle;
    /** Calls from outside that are in there just now; negative once closed. */
    private final AtomicInteger users = new AtomicInteger();
    /** Whoever takes the core, to run it or while it is idle, waits for another who does. */
    private final ReentrantLock outside = new ReentrantLock();
    /** Of the run that is on. */
    private volatile @Nullable CountDownLatch idle;

    Core(long handle) {
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

    /** Valid while it runs, and between enter and leave. */
    long handle() {
        return handle;
    }

    boolean isOpen() {
        return users.get() >= 0;
    }

    boolean isRunning() {
        return idle != null;
    }

    /** False: it is closed. */
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

    void enterOpen() {
        if (!enter()) {
            throw closed();
        }
    }

    void leave() {
        users.decrementAndGet();
    }

    static IllegalStateException closed() {
        return new IllegalStateException("this scheduler is closed");
    }

    static IllegalStateException runsElsewhere() {
        return new IllegalStateException("this scheduler runs on another thread");
    }

    // -- the carrier ------------------------------------------------------------------------------

    /** False: another thread runs it. */
    boolean tryBeginRun() {
        enterOpen();
        boolean begun = false;
        outside.lock();
        try {
            begun = take("run");
            if (begun) {
                idle = new CountDownLatch(1);
            }
            return begun;
        } finally {
            outside.unlock();
            if (!begun) {
                leave();
            }
        }
    }

    /** Under the lock: who sees it idle finds the core free. */
    void endRun() {
        CountDownLatch over = Objects.requireNonNull(idle);
        outside.lock();
        try {
            idle = null;
            Native.leave(handle);
        } finally {
            outside.unlock();
        }
        leave();
        over.countDown();
    }

    /** Until no run is on; an interrupt does not end it. */
    void awaitIdle() {
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

    /** Until for a moment nobody is in there. */
    void awaitCallers() {
        while (users.get() > 0) {
            awaitIdle();         // a run is one, too
            outside.lock();      // who has the core in place of a carrier may take long
            outside.unlock();
            Thread.onSpinWait();
        }
    }

    /** Closing twice does no harm. */
    void free() {
        int others = users.getAndUpdate(count -> count < 0 ? count : count + CLOSED);
        if (others < 0) {
            return;
        }
        while (users.get() != CLOSED) {
            Thread.onSpinWait();
        }
        Native.shutDown(handle);
    }

    // -- in place of a carrier --------------------------------------------------------------------

    /** Whether it was closed or idle, and then the closing is done. */
    boolean whileIdle(Elsewhere.Closing closing) throws IOException {
        if (!enter()) {
            return true;
        }
        outside.lock();
        try {
            if (!take("closing from here")) {
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

    /** What the handle's call makes, while nobody else is in there. */
    long make(LongUnaryOperator making) {
        enterOpen();
        outside.lock();
        try {
            if (!take("opening from here")) {
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
    private boolean take(String what) {
        int status = Native.enter(handle);
        if (status < 0 && status != Errno.BUSY) {
            throw Failure.misuse(status, what);
        }
        return status == 0;
    }
}
