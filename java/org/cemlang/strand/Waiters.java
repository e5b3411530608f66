// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;

/**
 * The strands that wait for something which any thread may bring about. They park by a call of ours,
 * so that it passes the baton and a cancel ends it; whoever calls from elsewhere does not wait here.
 */
final class Waiters {
    private final Set<Strand> waiting = ConcurrentHashMap.newKeySet();
    private final int reason;

    /** {@code reason}: of {@link Native}, for dumps. */
    Waiters(int reason) {
        this.reason = reason;
    }

    /**
     * After it was brought about. Not asked before is whether there are any: such a set counts its
     * members only roughly while others come and go, and might forget one that waits.
     */
    void wake() {
        for (Strand strand : waiting) {
            Native.wake(Strand.callerControl(), strand.id);
        }
    }

    /** At once where the caller is no strand. */
    void await(BooleanSupplier done, String what) throws InterruptedException {
        Strand self = Engine.CHOSEN.current();
        if (self != null) {
            await(self, done, Native.FOREVER, what);
        }
    }

    /** For at most so long; whether it is done. True at once where the caller is no strand. */
    boolean awaitFor(BooleanSupplier done, long nanos, String what) throws InterruptedException {
        Strand self = Engine.CHOSEN.current();
        return self == null || await(self, done, Deadlines.afterNanos(nanos), what);
    }

    /** As {@link #await(BooleanSupplier, String)}; an interrupt stays for later. */
    void awaitUninterruptibly(BooleanSupplier done, String what) {
        boolean interrupted = false;
        try {
            for (;;) {
                try {
                    await(done, what);
                    return;
                } catch (InterruptedException later) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** The calling strand; whether it is done, or the deadline has come. */
    private boolean await(Strand self, BooleanSupplier done, long deadlineNs, String what)
            throws InterruptedException {
        if (done.getAsBoolean()) {
            return true;
        }
        waiting.add(self);
        try {
            while (!done.getAsBoolean()) {
                int status = Native.parkStep(self.control(), reason, deadlineNs);
                if (status == Errno.TIMED_OUT) {
                    return done.getAsBoolean();
                }
                if (status == Errno.CANCELED) {
                    throw Failure.canceled(what);
                }
                if (status < 0 && status != Errno.AGAIN) {
                    throw Failure.misuse(status, what);
                }
                if (status == Errno.AGAIN && !self.await()) {
                    throw new InterruptedException("interrupted while waiting for " + what);
                }
            }
            return true;
        } finally {
            Native.waitDone(self.control());
            waiting.remove(self);
        }
    }
}
