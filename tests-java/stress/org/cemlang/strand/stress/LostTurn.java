// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.stress;

import java.util.concurrent.Semaphore;
import org.cemlang.strand.Strand;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZI_Result;

/**
 * Two threads make a strand run while it parks, or ends its turn, twice: each release is an execute
 * from a foreign thread, against the end of the turn on the carrier. Neither may be lost.
 */
@JCStressTest
@State
@Outcome(id = "true, 2", expect = Expect.ACCEPTABLE, desc = "it took both and ended")
@Outcome(expect = Expect.FORBIDDEN, desc = "a turn was lost")
public class LostTurn {
    private final Semaphore permits = new Semaphore(0);
    private volatile int taken;
    private final Strand strand = Carrier.SCHEDULER.spawn(() -> {
        for (int i = 1; i <= 2; i++) {
            permits.acquireUninterruptibly();
            taken = i;
        }
    });

    @Actor
    public void one() {
        permits.release();
    }

    @Actor
    public void other() {
        permits.release();
    }

    @Arbiter
    public void look(ZI_Result r) {
        r.r1 = Carrier.ends(strand);
        r.r2 = taken;
    }
}
