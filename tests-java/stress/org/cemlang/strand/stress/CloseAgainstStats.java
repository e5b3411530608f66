// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.stress;

import org.cemlang.strand.Scheduler;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/** One thread closes a scheduler while another is in it with a question: it is freed behind that. */
@JCStressTest
@State
@Outcome(id = "closed", expect = Expect.ACCEPTABLE, desc = "the close was first")
@Outcome(id = "answered", expect = Expect.ACCEPTABLE, desc = "the question was first")
@Outcome(expect = Expect.FORBIDDEN)
public class CloseAgainstStats {
    private final Scheduler scheduler = Scheduler.open();

    @Actor
    public void close() {
        scheduler.close();
    }

    @Actor
    public void ask(L_Result r) {
        try {
            r.r1 = scheduler.stats().live() == 0 ? "answered" : "strands where there are none";
        } catch (IllegalStateException e) {
            r.r1 = "closed";
        }
    }

    @Arbiter
    public void again() {
        scheduler.close();
    }
}
