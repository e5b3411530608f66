// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.stress;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.cemlang.strand.Scheduler;
import org.cemlang.strand.Strand;
import org.cemlang.strand.Strands;

/** One scheduler that runs for as long as this JVM, for tests that need no own. */
final class Carrier {
    /** Much longer than anything takes, and short enough that a lost turn shows. */
    static final Duration LOST = Duration.ofSeconds(20);

    static final Scheduler SCHEDULER = start();

    private Carrier() {}

    private static Scheduler start() {
        Scheduler scheduler = Scheduler.open();
        Keeper keeper = new Keeper();
        scheduler.spawn("keeper", keeper);
        Thread carrier = new Thread(scheduler::run, "carrier");
        carrier.setDaemon(true);
        carrier.start();
        try {
            keeper.runs.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return scheduler;
    }

    /** A class of its own: this one is still being initialised when it runs. */
    private static final class Keeper implements Runnable {
        final CountDownLatch runs = new CountDownLatch(1);

        @Override
        public void run() {
            runs.countDown();
            try {
                Strands.sleep(Duration.ofDays(1));
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** Whether it has ended, by itself and not long after it could. */
    static boolean ends(Strand strand) {
        try {
            return strand.join(LOST);
        } catch (InterruptedException e) {
            return false;
        }
    }
}
