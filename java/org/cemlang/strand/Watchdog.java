// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Says who holds everybody up: a strand that for a second has been blocked or waiting in a call that
 * is not ours, and has kept the baton (or, pinned, the carrier) all the while. One line on standard
 * error for each such wait.
 */
final class Watchdog {
    private static final long LOOK_EVERY_MS = 500;
    private static final long PATIENCE_NS = 1_000_000_000;

    private static final Map<Scheduler, Sight> WATCHED = new ConcurrentHashMap<>();

    static {
        Thread watcher = new Thread(Watchdog::watchAll, "strand-watchdog");
        watcher.setDaemon(true);
        try {
            watcher.start();
        } catch (OutOfMemoryError noThread) {
            // Strands run without it; what it would have said is all that is lost.
            System.err.println("strand: no watchdog: " + noThread.getMessage());
        }
    }

    private Watchdog() {}

    static void watch(Scheduler scheduler) {
        WATCHED.put(scheduler, new Sight());
    }

    static void unwatch(Scheduler scheduler) {
        WATCHED.remove(scheduler);
    }

    /** Whom a look found waiting, in which turn, and since when. */
    private static final class Sight {
        @Nullable Strand strand;
        long turn;
        long sinceNs;
        boolean reported;
    }

    private static void watchAll() {
        for (;;) {
            try {
                Thread.sleep(LOOK_EVERY_MS);
            } catch (InterruptedException nobodyDoesThat) {
                continue;
            }
            WATCHED.forEach(Watchdog::look);
        }
    }

    private static void look(Scheduler scheduler, Sight sight) {
        scheduler.recorder.tidy();
        Strand strand = scheduler.running();
        Thread holder = strand == null ? null : strand.thread();
        if (strand == null || holder == null || !waits(holder)) {
            sight.strand = null;
            return;
        }
        long turn = scheduler.switches();
        long nowNs = System.nanoTime();
        if (sight.strand != strand || sight.turn != turn) {
            sight.strand = strand;
            sight.turn = turn;
            sight.sinceNs = nowNs;
            sight.reported = false;
        } else if (!sight.reported && nowNs - sight.sinceNs >= PATIENCE_NS) {
            sight.reported = true;
            System.err.println(line(strand, holder));
        }
    }

    private static boolean waits(Thread thread) {
        return switch (thread.getState()) {
            case BLOCKED, WAITING, TIMED_WAITING -> true;
            default -> false;
        };
    }

    private static String line(Strand strand, Thread holder) {
        String held = strand instanceof BatonStrand ? "the baton" : "the carrier, pinned,";
        return "strand: '" + strand.name() + "' has held " + held + " for 1 s while "
                + holder.getState() + lock(holder) + "; no other strand can run";
    }

    private static String lock(Thread holder) {
        Object blocker = LockSupport.getBlocker(holder);
        ThreadInfo info = Engine.isVirtual(holder) ? null
                : ManagementFactory.getThreadMXBean().getThreadInfo(holder.getId());
        String name = blocker != null
                ? blocker.getClass().getName() + "@" + Integer.toHexString(
                        System.identityHashCode(blocker))
                : info == null ? null : info.getLockName();
        String owner = info == null ? null : info.getLockOwnerName();
        return (name == null ? "" : " on " + name) + (owner == null ? "" : " of '" + owner + "'");
    }
}
