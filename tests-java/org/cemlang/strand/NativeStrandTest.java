// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
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
        ByteBuffer log = ByteBuffer.allocateDirect(64);
        try (Support.Crew crew = new Support.Crew()) {
            long id = NativeSupport.spawnScribe(crew.scheduler.handle(), log, 'n', 5);
            crew.spawn("joiner", () -> {
                Strand self = Strands.current();
                while (Native.joinStep(self.control(), id, Native.FOREVER) == Errno.AGAIN) {
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
        ByteBuffer log = ByteBuffer.allocateDirect(64);
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

    // -- Scheduler.spawnNative --------------------------------------------------------------------

    /** The letters that were written; {@link NativeSupport#scribe} counts them in the first byte. */
    private static String written(ByteBuffer log) {
        byte[] letters = new byte[log.get(0)];
        log.get(1, letters);
        return new String(letters, StandardCharsets.US_ASCII);
    }

    private static void write(ByteBuffer log, char letter) {
        log.put(0, (byte) (log.get(0) + 1));
        log.put(log.get(0), (byte) letter);
    }

    private static Strand spawnScribe(Scheduler scheduler, ByteBuffer log, int times) {
        return scheduler.spawnNative("scribe",
                NativeSupport.function(NativeSupport.WRITES_LETTERS),
                NativeSupport.scribe(log, 'n', times));
    }

    private static Strand spawnSleeper(Scheduler scheduler, ByteBuffer log) {
        return scheduler.spawnNative("sleeper", NativeSupport.function(NativeSupport.SLEEPS_LONG),
                NativeSupport.address(log));
    }

    @Test
    void shouldTakeTurnsWithJavaStrands() {
        ByteBuffer log = ByteBuffer.allocateDirect(64);
        try (Support.Crew crew = new Support.Crew()) {
            Strand scribe = spawnScribe(crew.scheduler, log, 3);
            crew.spawn("java", () -> {
                for (int i = 0; i < 3; i++) {
                    write(log, 'J');
                    Strands.yield();
                }
            });
            assertEquals("scribe", scribe.name());
            assertFalse(scribe.isDone());
            crew.run();
            assertTrue(scribe.isDone());
            assertNull(scribe.failure());
            assertEquals(2, crew.scheduler.stats().finished());
        }
        assertEquals("nJnJnJ", written(log));
    }

    @Test
    void shouldBeJoinedByAStrand() {
        ByteBuffer log = ByteBuffer.allocateDirect(64);
        try (Support.Crew crew = new Support.Crew()) {
            Strand scribe = spawnScribe(crew.scheduler, log, 2);
            crew.spawn("joiner", () -> {
                scribe.join();
                assertTrue(scribe.isDone());
                write(log, 'J');
                scribe.join();
            });
            crew.run();
        }
        assertEquals("nnJ", written(log));
    }

    @Test
    void shouldBeJoinedFromOutsideAndByOtherSchedulers() throws Exception {
        ByteBuffer log = ByteBuffer.allocateDirect(64);
        try (Scheduler scheduler = Scheduler.open()) {
            Strand sleeper = spawnSleeper(scheduler, log);
            Thread carrier = new Thread(scheduler::run);
            carrier.start();
            assertFalse(sleeper.join(Duration.ofNanos(1)));
            assertFalse(Support.inStrand(() -> sleeper.join(Duration.ofNanos(1))));
            Thread joiner = new Thread(Support.body(() -> sleeper.join()));
            joiner.start();
            Support.until(() -> joiner.getState() == Thread.State.WAITING);
            sleeper.cancel();
            joiner.join();
            assertTrue(sleeper.isDone());
            assertTrue(Support.inStrand(() -> sleeper.join(Duration.ofDays(1))));
            carrier.join();
        }
        assertEquals(-Errno.CANCELED, log.get(0));
    }

    @Test
    void shouldBeNamedAndCountedInDumps() {
        ByteBuffer log = ByteBuffer.allocateDirect(64);
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = spawnSleeper(crew.scheduler, log);
            crew.spawn("dumper", () -> {
                String dump = crew.scheduler.dump();
                assertTrue(dump.contains("\"sleeper\" native parked: sleep"), dump);
                assertEquals(1, crew.scheduler.stats().parked());
                sleeper.cancel();
            });
            crew.run();
        }
    }

    @Test
    void shouldTellItsEndAsAFuture() {
        ByteBuffer log = ByteBuffer.allocateDirect(64);
        try (Support.Crew crew = new Support.Crew()) {
            Strand scribe = spawnScribe(crew.scheduler, log, 2);
            AtomicReference<Thread> toldBy = new AtomicReference<>();
            scribe.toCompletableFuture().thenRun(() -> toldBy.set(Thread.currentThread()));
            crew.spawn("waiter", () -> {
                scribe.toCompletableFuture().get();
                write(log, 'J');
            });
            crew.run();
            assertTrue(scribe.toCompletableFuture().isDone());
            scribe.toCompletableFuture().join();
            assertNotEquals(Thread.currentThread(), toldBy.get());     // which is the carrier
        }
        assertEquals("nnJ", written(log));
    }

    @Test
    void shouldTellTheEndOfOneThatExits() {
        try (Scheduler scheduler = Scheduler.open()) {
            Strand exiting = scheduler.spawnNative(
                    NativeSupport.function(NativeSupport.EXITS_AT_ONCE), 1);
            scheduler.run();
            assertTrue(exiting.isDone());
        }
    }

    @Test
    void shouldBeCanceledByTheFutureAndByAClose() {
        ByteBuffer log = ByteBuffer.allocateDirect(64);
        ByteBuffer other = ByteBuffer.allocateDirect(64);
        Strand left;
        try (Scheduler scheduler = Scheduler.open()) {
            Strand sleeper = spawnSleeper(scheduler, log);
            assertTrue(sleeper.toCompletableFuture().cancel(true));
            scheduler.run();
            assertTrue(sleeper.isDone());
            left = spawnSleeper(scheduler, other);
        }
        assertTrue(left.isDone());
        assertEquals(-Errno.CANCELED, log.get(0));
        assertEquals(-Errno.CANCELED, other.get(0));
    }

    @Test
    void shouldSayWhatIsWrongWithNoFunction() {
        try (Scheduler scheduler = Scheduler.open()) {
            Throwable thrown = assertThrows(
                    IllegalArgumentException.class, () -> scheduler.spawnNative(0, 1));
            assertTrue(thrown.getMessage().contains("address is 0"), thrown.getMessage());
            assertThrows(NullPointerException.class, () -> scheduler.spawnNative(null, 1, 1));
            assertEquals(0, scheduler.stats().live());
        }
    }

    @Test
    void shouldBeSpawnedFromOtherThreads() throws Exception {
        ByteBuffer log = ByteBuffer.allocateDirect(128);
        try (Scheduler scheduler = Scheduler.open()) {
            ExecutorService open = scheduler.newExecutor();
            Thread carrier = new Thread(scheduler::run);
            carrier.start();
            for (int i = 0; i < 100; i++) {
                spawnScribe(scheduler, log, 1).join();
            }
            open.shutdown();
            carrier.join();
            assertEquals(101, scheduler.stats().finished());
        }
        assertEquals("n".repeat(100), written(log));
    }
}
