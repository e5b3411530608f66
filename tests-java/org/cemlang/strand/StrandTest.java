// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class StrandTest {
    @Test
    void shouldJoinAfterTheEnd() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            Strand worker = crew.spawn("worker", () -> {
                Strands.yield();
                order.append("worker ");
            });
            crew.spawn("joiner", () -> {
                worker.join();
                assertTrue(worker.isDone());
                worker.join();      // and again, at once
                order.append("joiner");
            });
            crew.run();
        }
        assertEquals("worker joiner", order.toString());
    }

    @Test
    void shouldWakeJoinersInTheOrderInWhichTheyJoined() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            Strand worker = crew.spawn("worker", () -> {
                Strands.yield();
                Strands.yield();
            });
            for (String name : List.of("A", "B", "C")) {
                crew.spawn(name, () -> {
                    worker.join();
                    order.append(name);
                });
            }
            crew.run();
        }
        assertEquals("ABC", order.toString());
    }

    @Test
    void shouldStopWaitingForAJoinAtItsDeadline() {
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.scheduler.spawn("sleeper", Support.body(
                    () -> Strands.sleep(Duration.ofHours(1))));
            crew.spawn("joiner", () -> {
                assertFalse(sleeper.join(Duration.ofMillis(5)));
                assertFalse(sleeper.join(Duration.ZERO));
                assertFalse(sleeper.isDone());
                sleeper.cancel();
                assertTrue(sleeper.join(Duration.ofSeconds(Long.MAX_VALUE)));
            });
            crew.run();
        }
    }

    @Test
    void shouldJoinFromAThreadThatIsNoStrand() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            Strand worker = crew.spawn("worker", () -> Strands.sleep(Duration.ofMillis(20)));
            AtomicReference<Boolean> done = new AtomicReference<>();
            Thread joiner = new Thread(Support.body(() -> {
                worker.join();
                done.set(worker.isDone());
            }));
            joiner.start();
            assertFalse(worker.join(Duration.ofNanos(1)));
            crew.run();
            joiner.join();
            assertEquals(true, done.get());
            assertTrue(worker.join(Duration.ZERO));
        }
    }

    @Test
    void shouldJoinAStrandOfAnotherScheduler() throws Exception {
        try (Support.Crew one = new Support.Crew(); Support.Crew two = new Support.Crew()) {
            Strand worker = one.spawn("worker", () -> Strands.sleep(Duration.ofMillis(20)));
            two.spawn("joiner", () -> {
                worker.join();
                assertTrue(worker.isDone());
            });
            Thread other = new Thread(one::run);
            other.start();
            two.run();
            other.join();
        }
    }

    @Test
    void shouldRefuseToJoinItself() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("narcissus", () -> {
                Strand self = Strands.current();
                assertThrows(IllegalStateException.class, self::join);
            });
            crew.run();
        }
    }

    @Test
    void shouldNameBothStrandsOfADeadlock() {
        try (Support.Crew crew = new Support.Crew()) {
            List<Strand> pair = new ArrayList<>();
            pair.add(crew.scheduler.spawn("left", Support.body(() -> pair.get(1).join())));
            pair.add(crew.scheduler.spawn("right", Support.body(() -> pair.get(0).join())));
            DeadlockException deadlock = assertThrows(DeadlockException.class, crew::run);
            assertTrue(deadlock.getMessage().contains("left"), deadlock.getMessage());
            assertTrue(deadlock.getMessage().contains("right"), deadlock.getMessage());
            pair.get(0).cancel();     // they stay, and can be ended
            crew.scheduler.run();
            assertTrue(pair.get(1).isDone());
        }
    }

    @Test
    void shouldEndAWaitByCancel() {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.spawn("sleeper", () -> {
                thrown.set(assertThrows(CancellationException.class,
                        () -> Strands.sleep(Duration.ofHours(1))));
                Strands.sleep(Duration.ofMillis(1));     // consumed: this one waits
            });
            crew.spawn("canceler", sleeper::cancel);
            crew.run();
        }
        assertTrue(thrown.get().getMessage().contains("sleep"), thrown.get().getMessage());
    }

    @Test
    void shouldMeetACancelThatCameBeforeItBegan() {
        try (Support.Crew crew = new Support.Crew()) {
            Strand strand = crew.scheduler.spawn("early", Support.body(
                    () -> Strands.sleep(Duration.ofHours(1))));
            strand.cancel();
            crew.run();
            assertTrue(strand.failure() instanceof CancellationException);
        }
    }

    @Test
    void shouldBeCanceledFromAnotherThread() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.scheduler.spawn("sleeper", Support.body(
                    () -> Strands.sleep(Duration.ofHours(1))));
            Thread canceler = new Thread(Support.body(() -> {
                Support.until(() -> crew.scheduler.stats().parked() == 1);
                sleeper.cancel();
            }));
            canceler.start();
            crew.run();
            canceler.join();
            assertTrue(sleeper.isDone());
            sleeper.cancel();     // after the end: nothing
        }
    }

    @Test
    void shouldEndAWaitByInterrupt() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Thread> thread = new AtomicReference<>();
            crew.spawn("sleeper", () -> {
                thread.set(Thread.currentThread());
                assertThrows(InterruptedException.class, () -> Strands.sleep(Duration.ofHours(1)));
                assertFalse(Thread.currentThread().isInterrupted());
                Strands.sleep(Duration.ofMillis(1));     // and can wait again
            });
            Thread interrupter = new Thread(Support.body(() -> {
                Support.until(() -> crew.scheduler.stats().parked() == 1);
                thread.get().interrupt();
            }));
            interrupter.start();
            crew.run();
            interrupter.join();
        }
        assertFalse(Thread.currentThread().isInterrupted(), "the carrier's own status");
    }

    @Test
    void shouldMeetAnInterruptThatCameBeforeTheWait() {
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.scheduler.spawn("sleeper", Support.body(
                    () -> Strands.sleep(Duration.ofHours(1))));
            crew.spawn("joiner", () -> {
                Thread.currentThread().interrupt();
                Strands.yield();     // waits for nothing, and keeps the status
                assertThrows(InterruptedException.class, sleeper::join);
                sleeper.cancel();
                sleeper.join();
            });
            crew.run();
        }
        assertFalse(Thread.currentThread().isInterrupted(), "the carrier's own status");
    }

    @Test
    void shouldHandAnUncaughtExceptionToTheHandlerAndRunTheOthers() {
        List<String> seen = new ArrayList<>();
        IllegalArgumentException bad = new IllegalArgumentException("bad");
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) ->
                seen.add(thread.getName() + " " + thrown.getMessage()));
        try (Support.Crew crew = new Support.Crew()) {
            Strand thrower = crew.scheduler.spawn("thrower", () -> { throw bad; });
            Strand nameless = crew.scheduler.spawn(() -> { throw bad; });
            crew.spawn("other", () -> {
                thrower.join();
                seen.add("other");
            });
            crew.run();
            assertSame(bad, thrower.failure());
            assertTrue(thrower.isDone());
            assertEquals(List.of("thrower bad", nameless.name() + " bad", "other"), seen);
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }

    @Test
    void shouldOutliveAHandlerThatThrows() {
        List<String> seen = new ArrayList<>();
        IllegalArgumentException bad = new IllegalArgumentException("bad");
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> {
            seen.add(thread.getName());
            throw new IllegalStateException("a handler that fails");
        });
        try (Support.Crew crew = new Support.Crew()) {
            Strand thrower = crew.scheduler.spawn("thrower", () -> { throw bad; });
            crew.spawn("other", () -> {
                thrower.join();
                seen.add("other");
            });
            crew.run();
            assertSame(bad, thrower.failure());
            assertEquals(List.of("thrower", "other"), seen);
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }

    @Test
    void shouldNotReportACancelThatEndsAStrand() {
        List<String> seen = new ArrayList<>();
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> seen.add(thread.getName()));
        try (Support.Crew crew = new Support.Crew()) {
            crew.scheduler.spawn("waiting", Support.body(
                    () -> Strands.sleep(Duration.ofHours(1)))).cancel();
            crew.run();
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
        assertEquals(List.of(), seen);
    }

    @Test
    void shouldEndByAnExceptionThatIsItsOwnCausesCause() {
        RuntimeException one = new RuntimeException();
        RuntimeException other = new RuntimeException(one);
        one.initCause(other);
        assertFalse(assertTimeoutPreemptively(
                Duration.ofSeconds(10), () -> Failure.isCanceled(one)));
        assertTrue(Failure.isCanceled(new RuntimeException(Failure.canceled("sleep"))));
    }

    @Test
    void shouldHaveANameAndAnIdOfItsOwn() {
        try (Support.Crew crew = new Support.Crew()) {
            List<String> threadNames = new ArrayList<>();
            Strand named = crew.spawn("named", () ->
                    threadNames.add(Thread.currentThread().getName()));
            Strand other = crew.scheduler.spawn(() -> { });
            crew.run();
            assertEquals("named", named.name());
            assertEquals(List.of("named"), threadNames);
            assertTrue(other.name().startsWith("strand-"), other.name());
            assertTrue(named.id() != other.id());
            assertNull(named.failure());
        }
    }

    @Test
    void shouldKeepThreadLocalsApart() {
        ThreadLocal<String> local = new ThreadLocal<>();
        StringBuilder seen = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            for (String name : List.of("A", "B")) {
                crew.spawn(name, () -> {
                    local.set(name);
                    Strands.yield();
                    seen.append(local.get());
                });
            }
            crew.run();
        }
        assertEquals("AB", seen.toString());
    }
}
