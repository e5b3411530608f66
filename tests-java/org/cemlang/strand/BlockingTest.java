// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class BlockingTest {
    @Test
    void shouldLetTheOthersRunMeanwhile() {
        CountDownLatch others = new CountDownLatch(1);
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("blocked", () -> {
                String result = Strands.blocking(() -> {
                    others.await();     // only another strand ends this
                    assertNull(Strands.current());
                    return "done";
                });
                order.append(result);
            });
            crew.spawn("other", () -> {
                order.append("other ");
                others.countDown();
            });
            crew.run();
        }
        assertEquals("other done", order.toString());
    }

    @Test
    void shouldThrowWhatTheCallThrows() {
        Exception checked = new Exception("checked");
        Error error = new Error("error");
        Support.inStrand(() -> {
            assertSame(checked, assertThrows(Exception.class, () -> Strands.blocking(() -> {
                throw checked;
            })));
            assertSame(error, assertThrows(Error.class, () -> Strands.blocking(() -> {
                throw error;
            })));
            assertNull(Strands.blocking(() -> null));
            return true;
        });
    }

    @Test
    void shouldInterruptTheHelperWithItsStrand() throws Exception {
        CountDownLatch helperInterrupted = new CountDownLatch(1);
        AtomicReference<Thread> strand = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("blocked", () -> {
                strand.set(Thread.currentThread());
                assertThrows(InterruptedException.class, () -> Strands.blocking(() -> {
                    strand.get().interrupt();
                    try {
                        new CountDownLatch(1).await();
                    } catch (InterruptedException e) {
                        helperInterrupted.countDown();
                    }
                    return null;
                }));
                assertFalse(Thread.currentThread().isInterrupted());
            });
            crew.run();
        }
        helperInterrupted.await();
    }

    @Test
    void shouldBeCanceled() {
        CountDownLatch begun = new CountDownLatch(1);
        try (Support.Crew crew = new Support.Crew()) {
            Strand blocked = crew.spawn("blocked", () ->
                    assertThrows(CancellationException.class, () -> Strands.blocking(() -> {
                        begun.countDown();
                        new CountDownLatch(1).await();
                        return null;
                    })));
            crew.spawn("canceler", () -> {
                Strands.blocking(() -> {
                    begun.await();
                    return null;
                });
                blocked.cancel();
            });
            crew.run();
            assertTrue(blocked.isDone());
        }
    }
}
