// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class SchedulerTest {
    @Test
    void shouldReturnAtOnceWithNothingToRun() {
        try (Scheduler scheduler = Scheduler.open()) {
            scheduler.run();
            scheduler.run();
        }
    }

    @Test
    void shouldTakeSpawnsFromOtherThreadsWhileItRuns() throws Exception {
        AtomicInteger ran = new AtomicInteger();
        try (Scheduler scheduler = Scheduler.open()) {
            CountDownLatch running = new CountDownLatch(1);
            scheduler.spawn("waiter", Support.body(() -> {
                running.countDown();
                while (ran.get() < 4_000) {
                    Strands.sleep(Duration.ofMillis(1));
                }
            }));
            Thread[] spawners = new Thread[4];
            for (int i = 0; i < spawners.length; i++) {
                spawners[i] = new Thread(Support.body(() -> {
                    running.await();
                    for (int k = 0; k < 1_000; k++) {
                        scheduler.execute(ran::incrementAndGet);
                    }
                }));
                spawners[i].start();
            }
            scheduler.run();
            for (Thread spawner : spawners) {
                spawner.join();
            }
            assertEquals(4_001, scheduler.stats().finished());
        }
        assertEquals(4_000, ran.get());
    }

    @Test
    void shouldRunTwoOnTwoThreads() throws Exception {
        AtomicInteger ran = new AtomicInteger();
        Thread[] threads = new Thread[2];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> {
                try (Support.Crew crew = new Support.Crew()) {
                    for (int k = 0; k < 100; k++) {
                        crew.spawn("one of 100", () -> {
                            Strands.yield();
                            ran.incrementAndGet();
                        });
                    }
                    crew.run();
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(200, ran.get());
    }

    @Test
    void shouldCancelEveryStrandOnStop() throws Exception {
        AtomicInteger ended = new AtomicInteger();
        try (Scheduler scheduler = Scheduler.open()) {
            for (int i = 0; i < 100; i++) {
                scheduler.spawn(Support.body(() -> {
                    try {
                        Strands.sleep(Duration.ofHours(1));
                    } finally {
                        ended.incrementAndGet();
                    }
                }));
            }
            Thread stopper = new Thread(Support.body(() -> {
                Support.until(() -> scheduler.stats().parked() == 100);
                scheduler.stop();
            }));
            stopper.start();
            scheduler.run();
            stopper.join();
            assertEquals(100, ended.get());
            scheduler.spawn(ended::incrementAndGet);     // and takes new ones afterwards
            scheduler.run();
            assertEquals(101, ended.get());
        }
    }

    @Test
    void shouldRefuseSpawnsWhileItStops() {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            scheduler.spawn(() -> {
                scheduler.stop();
                thrown.set(assertThrows(RejectedExecutionException.class,
                        () -> Strands.spawn(() -> { })));
            });
            scheduler.run();
        }
        assertTrue(thrown.get().getMessage().contains("stopping"));
    }

    @Test
    void shouldRefuseSpawnsForGoodAfterAShutdown() throws Exception {
        AtomicInteger ended = new AtomicInteger();
        try (Scheduler scheduler = Scheduler.open()) {
            scheduler.spawn(Support.body(() -> {
                try {
                    Strands.sleep(Duration.ofHours(1));
                } finally {
                    ended.incrementAndGet();
                }
            }));
            Thread carrier = new Thread(scheduler::run);
            carrier.start();
            Support.until(() -> scheduler.stats().parked() == 1);
            scheduler.shutdownNow();
            carrier.join();
            assertEquals(1, ended.get());
            scheduler.shutdownNow();
            Throwable thrown = assertThrows(
                    RejectedExecutionException.class, () -> scheduler.execute(() -> { }));
            assertTrue(thrown.getMessage().contains("shut down"), thrown.getMessage());
            assertThrows(RejectedExecutionException.class, scheduler::newExecutor);
            assertThrows(RejectedExecutionException.class, () -> scheduler.spawnNative(1, 1));
            scheduler.run();
        }
    }

    @Test
    void shouldBeShutDownByItsOwnStrand() {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            Strand other = scheduler.spawn(Support.body(() -> Strands.sleep(Duration.ofHours(1))));
            scheduler.spawn(() -> {
                scheduler.shutdownNow();     // returns at once
                thrown.set(assertThrows(RejectedExecutionException.class,
                        () -> Strands.spawn(() -> { })));
            });
            scheduler.run();
            assertTrue(other.isDone());
        }
        assertTrue(thrown.get() != null);
    }

    @Test
    void shouldGiveUpOnAStrandThatWillNotEnd() throws Exception {
        Scheduler.Options options = new Scheduler.Options().grace(Duration.ofMillis(20));
        try (Scheduler scheduler = Scheduler.open(options)) {
            AtomicReference<Boolean> goOn = new AtomicReference<>(true);
            Strand stubborn = scheduler.spawn("stubborn", () -> {
                while (goOn.get()) {
                    Strands.yield();
                }
            });
            scheduler.stop();
            scheduler.run();
            assertFalse(stubborn.isDone());
            goOn.set(false);
            scheduler.run();
            assertTrue(stubborn.isDone());
        }
    }

    @Test
    void shouldRefuseAStrandOverItsLimit() {
        try (Scheduler scheduler = Scheduler.open(new Scheduler.Options().maxStrands(2))) {
            scheduler.spawn(() -> { });
            scheduler.spawn(() -> { });
            assertThrows(RejectedExecutionException.class, () -> scheduler.spawn(() -> { }));
            scheduler.run();
            scheduler.spawn(() -> { });
            scheduler.run();
            assertEquals(3, scheduler.stats().finished());
        }
    }

    @Test
    void shouldRefuseASecondRun() throws Exception {
        try (Scheduler scheduler = Scheduler.open()) {
            CountDownLatch running = new CountDownLatch(1);
            CountDownLatch refused = new CountDownLatch(1);
            scheduler.spawn(Support.body(() -> {
                running.countDown();
                while (refused.getCount() > 0) {
                    Strands.sleep(Duration.ofMillis(1));
                }
            }));
            Thread runner = new Thread(scheduler::run);
            runner.start();
            running.await();
            assertThrows(IllegalStateException.class, scheduler::run);
            refused.countDown();
            runner.join();
        }
    }

    @Test
    void shouldCountWhatHappens() {
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.spawn("sleeper", () -> Strands.sleep(Duration.ofMillis(2)));
            crew.spawn("joiner", () -> {
                Scheduler.Stats now = crew.scheduler.stats();
                assertEquals(2, now.live());
                assertEquals(1, now.parked());
                sleeper.join();
            });
            assertEquals(0, crew.scheduler.stats().switches());
            crew.run();
            Scheduler.Stats stats = crew.scheduler.stats();
            assertEquals(2, stats.spawned());
            assertEquals(2, stats.finished());
            assertEquals(0, stats.live());
            assertEquals(4, stats.switches());
            assertEquals(2, stats.wakes());
            assertEquals(1, stats.timersFired());
            assertTrue(stats.polls() > 0);
            assertEquals("epoll", stats.loop());
            assertTrue(stats.context().equals("asm") || stats.context().equals("ucontext"));
        }
    }

    @Test
    void shouldCountBytesAndLines() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("both ends", () -> {
                int[] ends = NativeSupport.pipe();
                try (LineStream out = LineStream.open(ends[1]);
                        LineStream in = LineStream.open(ends[0])) {
                    out.writeLine("12345");
                    assertEquals("12345", in.readLine());
                }
            });
            crew.run();
            Scheduler.Stats stats = crew.scheduler.stats();
            assertEquals(1, stats.linesOut());
            assertEquals(1, stats.linesIn());
            assertEquals(6, stats.bytesOut());
            assertEquals(6, stats.bytesIn());
        }
    }

    @Test
    void shouldDumpEveryStrandByName() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.scheduler.spawn("sleeping beauty", Support.body(
                    () -> Strands.sleep(Duration.ofHours(1))));
            AtomicReference<String> inside = new AtomicReference<>();
            crew.spawn("dumper", () -> inside.set(crew.scheduler.dump()));
            AtomicReference<String> outside = new AtomicReference<>();
            Thread dumper = new Thread(Support.body(() -> {
                Support.until(() -> crew.scheduler.stats().finished() == 1);
                outside.set(crew.scheduler.dump());
                sleeper.cancel();
            }));
            dumper.start();
            crew.run();
            dumper.join();
            assertTrue(inside.get().contains("sleeping beauty"), inside.get());
            assertTrue(inside.get().contains("dumper"), inside.get());
            assertTrue(outside.get().contains("sleeping beauty"), outside.get());
            assertFalse(outside.get().contains("dumper"), outside.get());
        }
    }

    @Test
    void shouldEndWhatIsLeftOnClose() {
        AtomicReference<Strand> left = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            left.set(scheduler.spawn("left", Support.body(
                    () -> Strands.sleep(Duration.ofHours(1)))));
        }
        assertTrue(left.get().isDone());
    }

    @Test
    void shouldCloseTwiceAndRefuseAfterwards() {
        Scheduler scheduler = Scheduler.open();
        scheduler.close();
        scheduler.close();
        scheduler.stop();
        assertThrows(RejectedExecutionException.class, () -> scheduler.spawn(() -> { }));
        assertThrows(IllegalStateException.class, scheduler::run);
        assertThrows(IllegalStateException.class, scheduler::stats);
        assertThrows(IllegalStateException.class, scheduler::dump);
    }

    @Test
    void shouldBeClosedByTwoThreadsAtOnce() throws Exception {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        for (int round = 0; round < 500; round++) {
            Scheduler scheduler = Scheduler.open();
            scheduler.spawn(Support.body(() -> Strands.sleep(Duration.ofHours(1))));
            CyclicBarrier start = new CyclicBarrier(2);
            Thread[] closers = new Thread[2];
            for (int i = 0; i < closers.length; i++) {
                closers[i] = new Thread(Support.body(() -> {
                    start.await();
                    try {
                        scheduler.close();
                        assertFalse(scheduler.isOpen());
                    } catch (Throwable refused) {
                        thrown.set(refused);
                    }
                }));
                closers[i].start();
            }
            for (Thread closer : closers) {
                closer.join();
            }
        }
        assertNull(thrown.get());
    }

    @Test
    void shouldNotBeClosedByItsOwnStrand() {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            scheduler.spawn(() ->
                    thrown.set(assertThrows(IllegalStateException.class, scheduler::close)));
            scheduler.run();
        }
        assertTrue(thrown.get() != null);
    }

    @Test
    void shouldWaitForARunOnAnotherThreadWhenClosed() throws Exception {
        Scheduler scheduler = Scheduler.open();
        Strand sleeper = scheduler.spawn(Support.body(() -> Strands.sleep(Duration.ofHours(1))));
        Thread runner = new Thread(scheduler::run);
        runner.start();
        Support.until(() -> scheduler.stats().parked() == 1);
        scheduler.close();
        assertTrue(sleeper.isDone());
        runner.join();
    }

    @Test
    void shouldIgnoreWakesAndCancelsAfterItsEnd() {
        AtomicReference<Strand> late = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            late.set(scheduler.spawn(() -> { }));
            scheduler.run();
        }
        late.get().cancel();
        assertTrue(Native.wake(0, late.get().id()) < 0);
    }

    private static long descriptors() throws Exception {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    /** Each thread that uses Strands gets a scheduler, and nobody closes it. */
    @Test
    void shouldFreeTheSchedulersOfEndedThreads() throws Exception {
        long before = descriptors();
        for (int i = 0; i < 50; i++) {
            Thread thread = new Thread(() -> {
                Strands.spawn(() -> { });
                Strands.run();
            });
            thread.start();
            thread.join();
        }
        Support.until(() -> {
            System.gc();
            return descriptors() < before + 20;
        });
    }

    @Test
    void shouldRefuseOptionsThatCannotBe() {
        Scheduler.Options options = new Scheduler.Options();
        assertThrows(IllegalArgumentException.class, () -> options.maxStrands(-1));
        assertThrows(IllegalArgumentException.class, () -> options.grace(Duration.ofNanos(-1)));
        assertThrows(NullPointerException.class, () -> options.grace(null));
        assertThrows(IllegalArgumentException.class,
                () -> Scheduler.open(new Scheduler.Options().stackBytes(Long.MAX_VALUE)));
    }

    @Test
    void shouldEndEveryStrandThatItHasTakenWhenClosed() throws Exception {
        for (int round = 0; round < 50; round++) {
            List<Strand> taken = new ArrayList<>();
            Scheduler scheduler = Scheduler.open();
            scheduler.spawn(Support.body(() -> Strands.sleep(Duration.ofDays(1))));
            Thread carrier = new Thread(scheduler::run);
            carrier.start();
            while (scheduler.stats().switches() == 0) {
                Thread.yield();
            }
            Thread spawner = new Thread(() -> {
                while (taken.size() < 2_000) {
                    try {
                        taken.add(scheduler.spawn(() -> {}));
                    } catch (RejectedExecutionException notNow) {
                        if (!scheduler.isOpen()) {
                            return;
                        }
                    }
                }
            });
            spawner.start();
            scheduler.close();
            spawner.join();
            carrier.join();
            assertEquals(0, taken.stream().filter(strand -> !strand.isDone()).count());
        }
    }
}
