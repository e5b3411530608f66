// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.stress;

import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Semaphore;
import org.cemlang.strand.Strand;
import org.cemlang.strand.Strands;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZL_Result;

/** A cancel comes while the strand ends by itself: one of the two, and no harm to the next strand. */
@JCStressTest
@State
@Outcome(id = "true, slept", expect = Expect.ACCEPTABLE, desc = "the end was first")
@Outcome(id = "true, canceled", expect = Expect.ACCEPTABLE, desc = "the cancel was first")
@Outcome(expect = Expect.FORBIDDEN)
public class CancelAgainstFinish {
    private final Semaphore ends = new Semaphore(0);
    private volatile String how = "no end";
    private final Strand strand = Carrier.SCHEDULER.spawn(() -> {
        ends.acquireUninterruptibly();
        try {
            Strands.sleep(Duration.ofNanos(1));
            how = "slept";
        } catch (CancellationException e) {
            how = "canceled";
        } catch (InterruptedException e) {
            how = "interrupted";
        }
    });

    @Actor
    public void end() {
        ends.release();
    }

    @Actor
    public void cancel() {
        strand.cancel();
    }

    @Arbiter
    public void look(ZL_Result r) {
        r.r1 = Carrier.ends(strand);
        r.r2 = strand.failure() == null ? how : strand.failure().toString();
    }
}
