// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A strand on a virtual thread of which it is itself the scheduler, so that {@link #execute} knows at
 * once whose continuation it was given.
 *
 * <p>The virtual thread calls execute when it is started, when it yields and when it is unparked; at
 * any time, from any thread, also again while it is queued or runs (a thread dump does that). Who
 * calls decides what is done:
 *
 * <pre>
 *   on the carrier   its state in the core says it: new or parked, then it is queued; queued already,
 *                    then nothing; it has the turn, then that turn ends as a yield
 *   anywhere else    a post to the core, which looks at it between two turns: new or parked, then it
 *                    is queued; queued already, then nothing
 * </pre>
 *
 * So no switch takes an atomic operation of ours, and a call that comes too early, too late or twice
 * costs at most a turn in which the thread finds that it has nothing to run. A counter of calls that
 * every thread adds to, and that each turn compares with what it was before, does the same with one
 * atomic operation a yield and two a park.
 */
final class MountedStrand extends Strand implements Executor, Runnable {
    final Thread thread;
    private final boolean adopted;
    /** In its own turn it has become able to run again; the carrier's. */
    private boolean again;
    /** Its control block is another's by now; the carrier's. */
    private boolean ended;

    /** Not started. */
    MountedStrand(Scheduler scheduler, long control, @Nullable String name, Runnable body) {
        super(scheduler, idOf(scheduler, control), body);
        thread = VirtualThreads.create(this, name, this);
        adopted = false;
    }

    /** For a virtual thread that others made. */
    MountedStrand(Scheduler scheduler, long control, Thread child) {
        super(scheduler, Native.id(control), null);
        thread = child;
        adopted = true;
    }

    private static long idOf(Scheduler scheduler, long control) {
        return scheduler.window == null ? Native.id(control) : CoreMemory.idOf(control);
    }

    /** As the thread's own start does, which would also put it into the JDK's list of all threads. */
    void start() {
        Object container = scheduler.threads;
        if (container == null) {
            thread.start();
        } else {
            VirtualThreads.begin(thread, container);
            ready();
        }
    }

    @Override
    public void run() {
        runBody();
    }

    /** Not kept, for a million of them: the entry of its slot is where it is. */
    @Override
    long control() {
        return CoreMemory.isReachable() ? CoreMemory.control(slot()) : Native.control(slot());
    }

    @Override
    String givenName() {
        return thread.getName();
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
        if (runnable == VirtualThreads.continuationOf(thread)) {
            ready();
        } else {      // of a virtual thread that has inherited its scheduler
            scheduler.children.execute(runnable);
        }
    }

    void ready() {
        if (VirtualThreads.carrier() != scheduler.carrier) {
            record();
            Native.ready(0, id);
        } else if (!ended) {
            if (readyHere() == Native.RUNS) {
                again = true;
            } else {
                record();
            }
        }
    }

    private int readyHere() {
        CoreMemory window = scheduler.window;
        int status = window == null ? Errno.AGAIN : window.ready(control());
        return status == Errno.AGAIN ? Native.ready(0, id) : status;
    }

    private void record() {
        if (Recorder.isOn()) {
            scheduler.recorder.ready(this);
        }
    }

    // -- what the carrier calls -------------------------------------------------------------------

    /**
     * Runs the thread for a turn; what became of it. {@code unpark}: the core ended a wait of ours,
     * which the thread does not know yet. The execute inside that unpark asks for this very turn.
     */
    int turn(boolean unpark) {
        if (unpark) {
            LockSupport.unpark(thread);
        }
        again = false;
        VirtualThreads.runTurn(thread);
        if (!thread.isAlive()) {
            return finish();
        }
        // A run that found nothing to run counts as parked too.
        return again ? Native.YIELDED : Native.PARKED;
    }

    /** A turn that the core does not know of, in vain where the thread cannot run yet. */
    void runBehindTheCore() {
        VirtualThreads.runTurn(thread);
    }

    private int finish() {
        ended = true;
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
        if (Native.waitInPlace(control()) == Errno.NOT_PERMITTED) {
            throw new IllegalStateException(this + " would wait for another strand, but cannot leave"
                    + " the carrier: " + Pinning.cause(Thread.currentThread().getStackTrace()));
        }
    }

    @Override
    boolean joinFromOutside(long deadlineNs) throws InterruptedException {
        return Deadlines.join(thread, deadlineNs);
    }
}
