// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Says who holds everybody up: a strand that has had the carrier, or the baton, for a second on end.
 * It computes, or waits in a call that is not ours, or in one of ours in a place that it cannot leave.
 * One line on standard error for each such turn.
 */
final class Watchdog {
    private static final int LOOKS_IN_A_PATIENCE = 2;

    private static final Map<Scheduler, Sight> WATCHED = new ConcurrentHashMap<>();
    /** Lives from a run on until there is none: it would keep our class loader. */
    private static @Nullable Thread watcher;

    /** Changed by tests only. */
    static volatile long patienceNs = 1_000_000_000;

    private Watchdog() {}

    /** By carriers, before their first strand: no strand waits for this lock. */
    static synchronized void watch(Scheduler scheduler) {
        WATCHED.put(scheduler, new Sight());
        if (watcher != null) {
            return;
        }
        Thread made = new Thread(Watchdog::watchAll, "strand-watchdog");
        made.setDaemon(true);
        try {
            made.start();
            watcher = made;
        } catch (OutOfMemoryError noThread) {
            // Strands run without it; what it would have said is all that is lost.
            System.err.println("strand: no watchdog: " + noThread.getMessage());
        }
    }

    static void unwatch(Scheduler scheduler) {
        WATCHED.remove(scheduler);
    }

    private static synchronized boolean isNeeded() {
        if (WATCHED.isEmpty()) {
            watcher = null;
            return false;
        }
        return true;
    }

    /** Whom a look found, in which turn, and since when. */
    private static final class Sight {
        @Nullable Strand strand;
        long turn;
        long sinceNs;
        boolean reported;
    }

    private static void watchAll() {
        do {
            long patience = patienceNs;
            long startNs = System.nanoTime();
            LockSupport.parkNanos(patience / LOOKS_IN_A_PATIENCE);
            // Where this thread was not let run in time, neither were those it looks at.
            boolean starved = System.nanoTime() - startNs > patience;
            WATCHED.forEach((scheduler, sight) -> look(scheduler, sight, patience, starved));
        } while (isNeeded());
    }

    private static void look(Scheduler scheduler, Sight sight, long patience, boolean starved) {
        scheduler.recorder.tidy();
        Strand strand = scheduler.running();
        if (strand == null) {
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
        } else if (starved) {
            sight.sinceNs = nowNs;
        } else if (!sight.reported && nowNs - sight.sinceNs >= patience
                && scheduler.lives() > 1) {
            report(strand, sight, patience);
        }
    }

    private static void report(Strand strand, Sight sight, long patience) {
        StackTraceElement[] stack = strand.thread().getStackTrace();
        if (!isOnItsWay(stack)) {
            sight.reported = true;
            strand.scheduler.countCarrierHold(strand);
            System.err.println(line(strand, strand.thread(), stack, patience));
        }
    }

    /** It was given the baton, and the system has not let it run yet. */
    private static boolean isOnItsWay(StackTraceElement[] stack) {
        for (StackTraceElement frame : stack) {
            if (frame.getClassName().equals(ParkingSlot.class.getName())) {
                return true;
            }
        }
        return stack.length == 0;
    }

    private static String line(
            Strand strand, Thread holder, StackTraceElement[] stack, long patience) {
        boolean waits = waits(holder);
        String held = strand instanceof BatonStrand ? "the baton"
                : waits || isInPlace(stack) ? "the carrier, pinned," : "the carrier";
        String cause = held.endsWith(",") ? " (" + Pinning.cause(stack) + ")" : "";
        return "strand: '" + strand.name() + "' has held " + held + " for "
                + patience / 1_000_000 + " ms while " + holder.getState()
                + (waits ? lock(holder) : "") + " in " + where(stack) + cause + "; no other strand can run";
    }

    /** A wait of ours in a place that it cannot leave. */
    private static boolean isInPlace(StackTraceElement[] stack) {
        return stack[0].getClassName().equals(Native.class.getName())
                && stack[0].getMethodName().equals("waitInPlace");
    }

    /** The innermost frame that is neither the JDK's nor ours. */
    private static String where(StackTraceElement[] stack) {
        String ours = Native.class.getPackageName() + ".";
        for (StackTraceElement frame : stack) {
            String name = frame.getClassName();
            boolean inside = name.startsWith("java.") || name.startsWith("jdk.")
                    || name.startsWith("sun.") || name.equals(ours + "Native")
                    || name.equals(ours + "MountedStrand") || name.equals(ours + "Strands")
                    || name.equals(ours + "Strand");
            if (!inside) {
                return frame.toString();
            }
        }
        return stack[0].toString();
    }

    private static boolean waits(Thread thread) {
        return switch (thread.getState()) {
            case BLOCKED, WAITING, TIMED_WAITING -> true;
            default -> false;
        };
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
