// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import jdk.jfr.Timespan;

/** What {@link Recorder} writes into a flight recording; loaded only where the JDK has jdk.jfr. */
final class Events {
    private static final Park PARK = new Park();
    private static final ResumedLate LATE = new ResumedLate();
    private static final CarrierHeld HELD = new CarrierHeld();

    private Events() {}

    /** Until the JVM's first recording {@code isEnabled} is {@code return false}: it folds away. */
    static boolean areOn() {
        return PARK.isEnabled() || LATE.isEnabled() || HELD.isEnabled();
    }

    @Category("Strand")
    @Enabled(false)
    @StackTrace(false)
    abstract static class OfAStrand extends Event {
        @Label("Strand")
        String strand = "";

        @Label("Strand Id")
        long strandId;

        final void of(Strand who) {
            strand = who.name();
            strandId = who.id();
        }
    }

    @Name("org.cemlang.strand.Park")
    @Label("Strand Park")
    @Description("A strand was parked, until it had its turn again")
    @Category("Strand")
    @Enabled(false)
    @StackTrace(false)
    @Threshold("20 ms")
    static final class Park extends OfAStrand {
        @Label("Reason")
        String reason = "";
    }

    @Name("org.cemlang.strand.ResumedLate")
    @Label("Strand Resumed Late")
    @Description("A strand could run and did not have its turn for 20 ms or more")
    @Category("Strand")
    @Enabled(false)
    @StackTrace(false)
    static final class ResumedLate extends OfAStrand {
        @Label("Late By")
        @Timespan(Timespan.NANOSECONDS)
        long lateBy;
    }

    @Name("org.cemlang.strand.CarrierHeld")
    @Label("Carrier Held")
    @Description("A strand did not let others run")
    @Category("Strand")
    @Enabled(false)
    @StackTrace(false)
    @Threshold("20 ms")
    static final class CarrierHeld extends OfAStrand {}
}
