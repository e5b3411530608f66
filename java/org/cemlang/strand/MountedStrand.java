// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A strand on a virtual thread of which it is itself the scheduler, so that {@link #execute} knows at
 * once whose continuation it was given.
 *
 * <p>The virtual thread calls execute when it is started, when it yields and when it is unparked; at
 * any time, from any thread, also again while it is queued or runs (a thread dump does that). {@link
 * #word} counts these calls since the strand last went idle:
 *
 * <pre>
 *   0          idle: the core holds it for parked; the call that leaves 0 puts it into the queue
 *   n          queued or running; a turn notes n, runs, and
 *              goes back to 0 by compare-and-set, unless more calls have come: then it queues again
 *   ENDED + n  its thread has terminated: calls change nothing
 * </pre>
 *
 * So a yield costs one atomic operation, and a call that comes too early, too late or twice costs at
 * most a turn in which the thread finds that it has nothing to run. A state word with a "run again"
 * state does the same with three atomic operations a turn; a plain flag for the call that the carrier
 * itself makes in the strand's own turn measured no better.
 */
final class MountedStrand extends Strand implements Executor, Runnable {
    private static final VarHandle WORD;
    private static final long ENDED = Long.MIN_VALUE / 2;

    static {
        try {
            WORD = MethodHandles.lookup().findVarHandle(MountedStrand.class, "word", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private volatile long word;
    final Thread thread;
    private final Runnable continuation;
    private final boolean adopted;

    /** Not started. */
    MountedStrand(Scheduler scheduler, long control, @Nullable String name, Runnable body) {
        super(scheduler, control, name, body);
        thread = VirtualThreads.create(this, name, this);
        continuation = VirtualThreads.continuationOf(thread);
        adopted = false;
    }

    /** For a virtual thread that others made. */
    MountedStrand(Scheduler scheduler, long control, Thread child, Runnable continuation) {
        super(scheduler, control, child.getName(), null);
        thread = child;
        this.continuation = continuation;
        adopted = true;
    }

    @Override
    public void run() {
        runBody();
    }

    @Override
    Thread thread() {
        return thread;
    }

    @Override
    boolean hasEnded() {
        return !thread.isAlive();
    }

    // -- what the virtual thread calls ------------------------------------------------------------

    /**
     * The thread can run. Never blocks, parks, locks or logs, and allocates only to adopt a child. It
     * may run on the carrier, inside another strand (and then must not park it), or anywhere else.
     */
    @Override
    public void execute(Runnable runnable) {
        if (runnable == continuation) {
            ready();
        } else {      // of a virtual thread that has inherited its scheduler
            scheduler.children.execute(runnable);
        }
    }

    void ready() {
        if ((long) WORD.getAndAdd(this, 1L) == 0) {
            if (Recorder.isOn()) {
                scheduler.recorder.ready(this);
            }
            Native.ready(0, id);
        }
    }

    // -- what the carrier calls -------------------------------------------------------------------

    /**
     * Runs the thread for a turn; what became of it. {@code unpark}: the core ended a wait of ours,
     * which the thread does not know yet. The execute inside that unpark asks for this very turn.
     */
    int turn(boolean unpark) {
        if (word == 0) {
            WORD.compareAndSet(this, 0L, 1L);     // not idle: no call may queue it now
        }
        if (unpark) {
            LockSupport.unpark(thread);
        }
        long seen = word;
        continuation.run();
        if (!thread.isAlive()) {
            return finish();
        }
        // A run that found nothing to run counts as parked too.
        return word == seen && WORD.compareAndSet(this, seen, 0L) ? Native.PARKED : Native.YIELDED;
    }

    /** A turn that the core does not know of, in vain where the thread cannot run yet. */
    void runBehindTheCore() {
        continuation.run();
    }

    private int finish() {
        WORD.setVolatile(this, ENDED);
        StrandTable.put(slot(), null);
        if (adopted) {
            scheduler.children.forget(thread);
        }
        tellLateEnd();
        return Native.FINISHED;
    }

    // -- what the strand calls --------------------------------------------------------------------

    @Override
    boolean await() {
        if (Thread.interrupted()) {
            return false;
        }
        if (!VirtualThreads.park(thread)) {
            waitInPlace();
        }
        return true;
    }

    /** Cannot leave the carrier: the carrier polls here until the wait is over. */
    private void waitInPlace() {
        if (Native.waitInPlace(control) == Errno.NOT_PERMITTED) {
            throw new IllegalStateException(this + " would wait for another strand, but cannot leave"
                    + " the carrier: " + Pinning.cause(Thread.currentThread().getStackTrace()));
        }
    }

    @Override
    boolean joinFromOutside(long deadlineNs) throws InterruptedException {
        return Deadlines.join(thread, deadlineNs);
    }
}
