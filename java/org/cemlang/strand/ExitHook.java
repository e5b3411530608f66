// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * At the end of the process: asks every running scheduler to stop and waits half a second at most, so
 * that what its strands have written goes out. Nothing is unmapped or freed: a carrier may live.
 */
final class ExitHook {
    private static final long PATIENCE_NS = 500_000_000;

    private static final Set<Scheduler> RUNNING = ConcurrentHashMap.newKeySet();

    static {
        try {
            Runtime.getRuntime().addShutdownHook(new Thread(ExitHook::stopAll, "strand-exit"));
        } catch (IllegalStateException exitHasBegun) {
            // Nobody will ask any more.
        }
    }

    private ExitHook() {}

    static void add(Scheduler scheduler) {
        RUNNING.add(scheduler);
    }

    static void remove(Scheduler scheduler) {
        RUNNING.remove(scheduler);
    }

    private static void stopAll() {
        long deadlineNs = System.nanoTime() + PATIENCE_NS;
        for (Scheduler scheduler : RUNNING) {
            if (exits(scheduler)) {
                // Its carrier sits in System.exit and will not come back: its buffers are ours.
                Native.flushAll(scheduler.handle());
                RUNNING.remove(scheduler);
            } else {
                scheduler.stop();
            }
        }
        for (Scheduler scheduler : RUNNING) {
            awaitEnd(scheduler, deadlineNs);
        }
    }

    private static void awaitEnd(Scheduler scheduler, long deadlineNs) {
        try {
            if (!scheduler.awaitIdle(Math.max(0, deadlineNs - System.nanoTime()))) {
                System.err.println("strand: a carrier did not answer the exit within "
                        + PATIENCE_NS / 1_000_000 + " ms; output that it still held may be lost");
            }
        } catch (InterruptedException leaveItAtThat) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean exits(Scheduler scheduler) {
        Strand strand = scheduler.running();
        return inExit(scheduler.carrier)
                || strand instanceof MountedStrand mounted && inExit(mounted.thread)
                || strand instanceof BatonStrand baton && inExit(baton.thread);
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
