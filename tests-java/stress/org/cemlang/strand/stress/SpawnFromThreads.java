// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.stress;

import java.util.concurrent.atomic.AtomicInteger;
import org.cemlang.strand.Strand;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZI_Result;

/**
 * Two threads spawn at once: the carrier finds each strand in the table, also where that grows, and
 * sees its body's fields.
 */
@JCStressTest
@State
@Outcome(id = "true, true, 11", expect = Expect.ACCEPTABLE, desc = "each ran once")
@Outcome(expect = Expect.FORBIDDEN)
public class SpawnFromThreads {
    private final AtomicInteger sum = new AtomicInteger();
    private Strand first, second;

    /** What it adds is not volatile: spawn publishes it. */
    private static final class Addition implements Runnable {
        private final AtomicInteger sum;
        private int amount;

        Addition(AtomicInteger sum, int amount) {
            this.sum = sum;
            this.amount = amount;
        }

        @Override
        public void run() {
            sum.addAndGet(amount);
        }
    }

    @Actor
    public void one() {
        first = Carrier.SCHEDULER.spawn(new Addition(sum, 1));
    }

    @Actor
    public void other() {
        second = Carrier.SCHEDULER.spawn(new Addition(sum, 10));
    }

    @Arbiter
    public void look(ZZI_Result r) {
        r.r1 = Carrier.ends(first);
        r.r2 = Carrier.ends(second);
        r.r3 = sum.get();
    }
}
