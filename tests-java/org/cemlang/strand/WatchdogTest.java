// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class WatchdogTest {
    /** Holds the carrier, or the baton, in a wait of the JDK's for 3 s. */
    static final class Holds {
        static {
            Object lock = "the lock";
            long endNs = System.nanoTime() + 3_000_000_000L;
            long leftNs;
            while ((leftNs = endNs - System.nanoTime()) > 0) {
                LockSupport.parkNanos(lock, leftNs);
            }
        }

        static void touch() {}
    }

    /** A culprit, and one who is held up; before that, a strand that waits in a call of ours. */
    static final class Program {
        public static void main(String[] words) {
            Strands.spawn("innocent", Support.body(
                    () -> Strands.sleep(java.time.Duration.ofMillis(1_800))));
            Strands.run();
            Strands.spawn("culprit", Holds::touch);
            Strands.spawn("victim", () -> Strands.println("ran in the end"));
            Strands.run();
        }
    }

    @Test
    void shouldNameWhoHoldsEverybodyUp() throws Exception {
        ChildJvm.Result result = ChildJvm.likeThis().run(Program.class.getName());
        assertEquals("ran in the end\n", result.out());
        assertEquals(1, result.err().lines().count(), result.err());
        assertTrue(result.err().contains("'culprit'"), result.err());
        assertTrue(result.err().contains("TIMED_WAITING on java.lang.String"), result.err());
    }
}
