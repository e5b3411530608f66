// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.stress;

import java.util.concurrent.RejectedExecutionException;
import org.cemlang.strand.Scheduler;
import org.cemlang.strand.Strand;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * One thread closes a scheduler while another spawns on it: a strand that was taken ends, and nobody
 * is in a scheduler that is gone.
 */
@JCStressTest
@State
@Outcome(id = "refused", expect = Expect.ACCEPTABLE, desc = "the close was first")
@Outcome(id = "ran", expect = Expect.ACCEPTABLE, desc = "the spawn was first")
@Outcome(expect = Expect.FORBIDDEN)
public class CloseAgainstSpawn {
    private final Scheduler scheduler = Scheduler.open();
    private Strand strand;
    private volatile boolean ran;
    private volatile Throwable wrong;

    @Actor
    public void close() {
        scheduler.close();
    }

    @Actor
    public void spawn() {
        try {
            strand = scheduler.spawn(() -> ran = true);
        } catch (RejectedExecutionException e) {
            strand = null;
        } catch (Throwable e) {
            wrong = e;
        }
    }

    @Arbiter
    public void look(L_Result r) {
        scheduler.close();
        if (wrong != null) {
            r.r1 = wrong.toString();
        } else if (strand == null) {
            r.r1 = ran ? "ran though refused" : "refused";
        } else {
            r.r1 = !strand.isDone() ? "left behind" : ran ? "ran" : "never ran";
        }
    }
}
