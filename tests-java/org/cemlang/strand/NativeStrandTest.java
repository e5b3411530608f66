// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Java frames never run on a strand's stack: a native strand calls Java on the carrier's own. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class NativeStrandTest {
    private static int depth(int n) {
        return n == 0 ? 0 : 1 + depth(n - 1);
    }

    @Test
    void shouldCallJavaOnTheCarriersStack() {
        AtomicReference<Thread> thread = new AtomicReference<>();
        AtomicReference<Strand> strand = new AtomicReference<>();
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            long call = NativeSupport.spawnCalling(crew.scheduler.handle(), () -> {
                thread.set(Thread.currentThread());
                strand.set(Strands.current());
                order.append(depth(1_000));     // far more than a strand's own stack would bear
                System.gc();                    // and the collector finds its way
            });
            assertNotEquals(0, call);
            crew.spawn("beside it", () -> {
                for (int i = 0; i < 3; i++) {
                    order.append('J');
                    Strands.yield();
                }
            });
            crew.run();
            // 0 from strand_call_on_carrier; inside it, strand_sleep is refused.
            assertEquals(-Errno.NOT_PERMITTED, NativeSupport.outcome(call));
        }
        assertEquals("J1000JJ", order.toString());
        assertSame(Thread.currentThread(), thread.get());
        assertNull(strand.get());
    }

    @Test
    void shouldJoinANativeStrandFromJava() {
        java.nio.ByteBuffer log = java.nio.ByteBuffer.allocateDirect(64);
        try (Support.Crew crew = new Support.Crew()) {
            long id = NativeSupport.spawnScribe(crew.scheduler.handle(), log, 'n', 5);
            crew.spawn("joiner", () -> {
                Strand self = Strands.current();
                while (Native.joinStep(self.control, id, Native.FOREVER) == Errno.AGAIN) {
                    assertTrue(self.await());
                }
                assertEquals(5, log.get(0));
            });
            crew.run();
            assertEquals(5, crew.scheduler.stats().segmentsLinked());
            assertEquals(5, crew.scheduler.stats().segmentsFreed());
        }
    }

    @Test
    void shouldTellStacksOfNativeStrandsByClass() {
        java.nio.ByteBuffer log = java.nio.ByteBuffer.allocateDirect(64);
        try (Support.Crew crew = new Support.Crew()) {
            NativeSupport.spawnScribe(crew.scheduler.handle(), log, 'n', 2);
            Scheduler.StackClass usual = crew.scheduler.stats().stackClasses().get(4);
            assertEquals(256 * 1024, usual.usableBytes());
            assertEquals(1, usual.live());
            assertEquals(0, usual.trimmed());
            crew.run();
            Scheduler.Stats after = crew.scheduler.stats();
            assertEquals(7, after.stackClasses().size());
            assertEquals(0, after.stackClasses().get(4).live());
            assertEquals(usual.pooled() + 1, after.stackClasses().get(4).pooled());
            assertEquals(4096, after.stackClasses().get(0).usableBytes());
        }
    }
}
