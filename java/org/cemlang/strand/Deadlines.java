// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Durations into deadlines on the core's clock, saturating. */
final class Deadlines {
    private Deadlines() {}

    static long nanos(Duration duration) {
        return TimeUnit.NANOSECONDS.convert(duration);   // toNanos throws where this saturates
    }

    static long after(Duration duration) {
        return afterNanos(nanos(duration));
    }

    static long afterNanos(long nanos) {
        long now = Native.now();
        return nanos > Native.FOREVER - now ? Native.FOREVER : now + nanos;
    }

    /** {@link #after}, but zero or less is for ever. */
    static long patient(Duration patience) {
        return nanos(patience) > 0 ? after(patience) : Native.FOREVER;
    }

    /** Thread.join up to a deadline; whether the thread has ended. */
    static boolean join(Thread thread, long deadlineNs) throws InterruptedException {
        if (deadlineNs == Native.FOREVER) {
            thread.join();
            return true;
        }
        long leftNs;
        while (thread.isAlive() && (leftNs = deadlineNs - Native.now()) > 0) {
            thread.join(leftNs / 1_000_000, (int) (leftNs % 1_000_000));
        }
        return !thread.isAlive();
    }
}
