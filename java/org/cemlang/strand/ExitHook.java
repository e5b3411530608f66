// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * At the end of the process: asks every running scheduler to stop and waits half a second at most,
 * so that what its strands have written goes out. Nothing is unmapped or freed: a carrier may live.
 *
 * <p>The exit may have been called by a strand, which then waits in it for ever. A virtual thread
 * leaves its carrier there, so the carrier answers, and only that strand remains. One that cannot
 * leave it, or that holds the baton, keeps the carrier from answering: then its buffers are ours.
 */
final class ExitHook {
    private static final long PATIENCE_NS = 500_000_000;
    private static final long LOOK_EVERY_NS = 2_000_000;
    /** After which a strand that is in the exit and still has its turn is known to be stuck. */
    private static final long STUCK_AFTER_NS = 100_000_000;

    private static final Set<Scheduler> RUNNING = ConcurrentHashMap.newKeySet();
    /** Only while one runs: the JVM would keep it, and so our class loader, for ever. */
    private static @Nullable Thread hook;
    private static volatile boolean begun;
    private static volatile boolean over;

    private ExitHook() {}

    /** By carriers, before their first strand and after their last: no strand waits for this lock. */
    static synchronized void add(Scheduler scheduler) {
        RUNNING.add(scheduler);
        if (hook == null) {
            Thread made = new Thread(ExitHook::stopAll, "strand-exit");
            try {
                Runtime.getRuntime().addShutdownHook(made);
                hook = made;
            } catch (IllegalStateException exitHasBegun) {
                // Nobody will ask any more.
            }
        }
    }

    static synchronized void remove(Scheduler scheduler) {
        RUNNING.remove(scheduler);
        if (hook != null && RUNNING.isEmpty()) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
                hook = null;
            } catch (IllegalStateException exitHasBegun) {
                // And the hook sees that there is nothing to stop.
            }
        }
    }

    /** The process ends, and every carrier has had its time: none need go on. */
    static boolean isOver() {
        return over;
    }

    /**
     * By a carrier whose run is over: goes on with the strands that have called the exit. The first
     * waits in it for the hooks, which may take longer than the grace period, and it alone can end the
     * process; the others wait for it, and look the same. Where there are such this does not return.
     */
    static void goOnWithExit(Scheduler scheduler) {
        while (begun) {
            List<MountedStrand> exiting = exiting(scheduler);
            if (exiting.isEmpty()) {
                return;
            }
            exiting.forEach(MountedStrand::runBehindTheCore);
            LockSupport.parkNanos(LOOK_EVERY_NS);
        }
    }

    private static List<MountedStrand> exiting(Scheduler scheduler) {
        List<MountedStrand> exiting = new ArrayList<>();
        StrandTable.forEach(scheduler, strand -> {
            if (strand instanceof MountedStrand mounted && inExit(mounted.thread)) {
                exiting.add(mounted);
            }
        });
        return exiting;
    }

    private static void stopAll() {
        begun = true;
        long startNs = System.nanoTime();
        Set<Scheduler> waiting = new HashSet<>(RUNNING);
        waiting.forEach(Scheduler::stop);
        for (;;) {
            long elapsedNs = System.nanoTime() - startNs;
            waiting.removeIf(scheduler -> hasAnswered(scheduler, elapsedNs));
            if (waiting.isEmpty() || elapsedNs > PATIENCE_NS) {
                break;
            }
            LockSupport.parkNanos(LOOK_EVERY_NS);
        }
        over = true;
        for (Scheduler scheduler : waiting) {
            if (scheduler.running() != null) {
                System.err.println("strand: a carrier did not answer the exit within "
                        + PATIENCE_NS / 1_000_000 + " ms; output that it still held may be lost");
            }
        }
    }

    private static boolean hasAnswered(Scheduler scheduler, long elapsedNs) {
        if (!RUNNING.contains(scheduler)) {
            return true;
        }
        Strand turn = scheduler.running();
        if (turn != null) {
            boolean stuck = inExit(turn.thread())
                    && (turn instanceof BatonStrand || elapsedNs > STUCK_AFTER_NS);
            if (stuck) {
                Native.flushAll(scheduler.handle());
            }
            return stuck;
        }
        Strand last = scheduler.lives() == 1 ? StrandTable.anyOf(scheduler) : null;
        return last != null && inExit(last.thread());
    }

    private static boolean inExit(@Nullable Thread thread) {
        if (thread == null) {
            return false;
        }
        for (StackTraceElement frame : thread.getStackTrace()) {
            if (frame.getClassName().equals("java.lang.Shutdown")) {
                return true;
            }
        }
        return false;
    }
}
