// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * Each strand on a thread of its own, of which one at a time runs: the one that holds the baton. The
 * thread in {@link #drive} is the carrier: it alone polls, waits and runs native strands. A strand
 * that parks, yields or ends asks the core who is next and hands the baton straight to that one, or
 * to the carrier when the core says so. Only calls of ours pass the baton: a JDK call that blocks
 * keeps it.
 */
final class BatonEngine extends Engine {
    /** What a strand's code may use of its platform thread's stack, JDK 17. */
    static final long STACK_BYTES = 256 * 1024;

    private static final ThreadLocal<BatonStrand> CURRENT = new ThreadLocal<>();

    BatonEngine(String why) {
        super("baton: " + why);
    }

    static void enter(BatonStrand strand) {
        CURRENT.set(strand);
    }

    @Override
    Strand start(Scheduler scheduler, long control, @Nullable String name, Runnable body) {
        BatonStrand strand = new BatonStrand(scheduler, control, name, body);
        StrandTable.put(strand.slot(), strand);
        Native.ready(Strand.callerControl(), strand.id);
        return strand;
    }

    /** A thread that blocks in the JDK would keep the baton, and what takes a factory does just that. */
    @Override
    ThreadFactory threadFactory(Scheduler scheduler) {
        throw new UnsupportedOperationException(
                "threads that are strands need the mounted engine; here it is " + description());
    }

    @Override
    long drive(Scheduler scheduler) {
        long handle = scheduler.handle();
        ParkingSlot carrier = new ParkingSlot(Thread.currentThread());
        scheduler.carrierSlot = carrier;
        long next = Native.next(handle, 0, Native.PARKED);
        while (next >= 0) {
            if (hand(scheduler, next)) {
                carrier.take(0);
            }
            next = Native.next(handle, 0, Native.PARKED);
        }
        return next;
    }

    /** Gives the baton to the strand of a turn; false: nobody takes it, the carrier has it. */
    private static boolean hand(Scheduler scheduler, long turn) {
        long next = turn;
        while (next >= 0) {
            BatonStrand strand = (BatonStrand) StrandTable.get((int) (next >>> 1));
            scheduler.setRunning(strand);
            if (Recorder.isOn()) {
                scheduler.recorder.began(strand);
            }
            if (strand.grant()) {
                return true;
            }
            // No thread could be had for it: it has ended without a beginning.
            StrandTable.put(strand.slot(), null);
            next = Native.pass(scheduler.handle(), strand.control(), Native.FINISHED);
        }
        scheduler.setRunning(null);
        return false;
    }

    /** By the strand that holds the baton; true: it has kept it, being the next one itself. */
    static boolean pass(BatonStrand from, int became) {
        Scheduler scheduler = from.scheduler;
        if (Recorder.isOn()) {
            scheduler.recorder.ended(from, became);
        }
        long next = Native.pass(scheduler.handle(), from.control(), became);
        if (next >= 0 && StrandTable.get((int) (next >>> 1)) == from) {
            return true;
        }
        ParkingSlot carrier = scheduler.carrierSlot;
        if (!hand(scheduler, next)) {
            carrier.grant();
        }
        return false;
    }

    @Override
    @Nullable Strand current() {
        return CURRENT.get();
    }

    @Override
    void yield() {
        BatonStrand strand = CURRENT.get();
        if (strand != null) {
            strand.yieldTurn();
        }
    }
}
