// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Follows the strands of a scheduler for a flight recording: how long they park and why, who runs
 * late, who holds the carrier. While no such event is on, nobody calls anything here but {@link
 * #isOn}, and no strand has a byte for it.
 *
 * <p>A turn is what lies between {@link #began} and {@link #ended}, which whoever has the carrier or
 * the baton calls.
 */
final class Recorder {
    private static final long LATE_NS = 20_000_000;

    /** A JDK made without jdk.jfr, or a module path that does not have it, has no recordings. */
    private static final boolean AVAILABLE = isAvailable();

    private final Scheduler scheduler;
    private final Map<Strand, Sight> seen = new ConcurrentHashMap<>();
    private boolean coreTold;

    Recorder(Scheduler scheduler) {
        this.scheduler = scheduler;
    }

    static boolean isOn() {
        return AVAILABLE && Events.areOn();
    }

    private static boolean isAvailable() {
        try {
            Class.forName("jdk.jfr.Event");
            Events.areOn();     // loads them, so that no carrier has to
            return true;
        } catch (ClassNotFoundException | LinkageError withoutJfr) {
            return false;
        }
    }

    /** Of a strand that has had a turn. */
    private static final class Sight {
        /** When Java last said that it can run, 0 if not since its turn; any thread. */
        volatile long readyNs;
        long parkedNs;
        Events.@Nullable Park park;
        Events.@Nullable CarrierHeld held;
    }

    /** By any thread, inside other strands too: no lock, no allocation. */
    void ready(Strand strand) {
        Sight sight = seen.get(strand);
        if (sight != null && sight.readyNs == 0) {
            sight.readyNs = Native.now();
        }
    }

    void began(Strand strand) {
        if (!coreTold) {
            Native.stampWakes(scheduler.handle());
            coreTold = true;
        }
        Sight sight = seen.computeIfAbsent(strand, first -> new Sight());
        if (sight.park != null) {
            sight.park.commit();
            sight.park = null;
        }
        reportLate(strand, sight);
        Events.CarrierHeld held = new Events.CarrierHeld();
        held.begin();
        sight.held = held;
    }

    private static void reportLate(Strand strand, Sight sight) {
        Events.ResumedLate late = new Events.ResumedLate();
        if (late.isEnabled() && (sight.readyNs != 0 || sight.parkedNs != 0)) {
            // Either Java has said so, or the core has ended a wait, perhaps before the park.
            long readyNs = sight.readyNs != 0 ? sight.readyNs
                    : Math.max(sight.parkedNs, Native.wokenNs(strand.control()));
            late.lateBy = Native.now() - readyNs;
            if (late.lateBy >= LATE_NS) {
                late.of(strand);
                late.commit();
            }
        }
        sight.readyNs = 0;
        sight.parkedNs = 0;
    }

    /** Its control block is still valid. */
    void ended(Strand strand, int became) {
        Sight sight = seen.get(strand);
        if (sight == null || sight.held == null) {
            return;     // turned on in the middle of it
        }
        sight.held.end();
        if (sight.held.shouldCommit()) {
            sight.held.of(strand);
            sight.held.commit();
        }
        sight.held = null;
        if (became == Native.FINISHED) {
            seen.remove(strand);
        } else if (became == Native.YIELDED) {
            sight.readyNs = Native.now();
        } else {
            parked(strand, sight);
        }
    }

    private static void parked(Strand strand, Sight sight) {
        sight.parkedNs = Native.now();
        Events.Park park = new Events.Park();
        if (park.isEnabled()) {
            park.of(strand);
            park.reason = reason(strand);
            park.begin();
            sight.park = park;
        }
    }

    private static String reason(Strand strand) {
        byte @Nullable [] ours = Native.waitReason(strand.control());
        if (ours != null) {
            return new String(ours, java.nio.charset.StandardCharsets.UTF_8);
        }
        Object blocker = LockSupport.getBlocker(strand.thread());
        return blocker == null ? "a call of the JDK" : blocker.getClass().getName();
    }

    /** By the watchdog: lets go of strands that nobody will follow to their end. */
    void tidy() {
        if (!isOn() && !seen.isEmpty()) {
            seen.clear();
        }
    }
}
