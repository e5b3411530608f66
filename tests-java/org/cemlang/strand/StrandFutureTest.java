// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@link Strand#toCompletableFuture}, on either engine. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class StrandFutureTest {
    @Test
    void shouldParkAStrandUntilTheOtherHasEnded() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Strand> worker = new AtomicReference<>();
            crew.spawn("waiter", () -> {
                assertNull(worker.get().toCompletableFuture().get());
                assertTrue(worker.get().isDone());
                order.append("waited");
            });
            worker.set(crew.spawn("worker", () -> order.append("worked ")));
            crew.run();
        }
        assertEquals("worked waited", order.toString());
    }

    @Test
    void shouldLeaveNothingBehindWhenAskedForAFailure() {
        try (Support.Crew crew = new Support.Crew()) {
            Strand asked = crew.spawn("asked", () -> {});
            CompletableFuture<?> end = asked.end();
            assertNull(asked.failure());
            assertEquals(0, end.getNumberOfDependents());
            crew.run();
            assertNull(asked.failure());
        }
    }

    @Test
    void shouldParkAStrandInAJoinOfTheFuture() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Strand> worker = new AtomicReference<>();
            crew.spawn("waiter", () -> {
                Thread.currentThread().interrupt();      // which does not end a join
                worker.get().toCompletableFuture().join();
                assertTrue(Thread.interrupted());
                order.append("waited");
            });
            worker.set(crew.spawn("worker", () -> order.append("worked ")));
            crew.run();
        }
        assertEquals("worked waited", order.toString());
    }

    @Test
    void shouldBeThereForAStrandThatHasEnded() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            Strand ended = crew.spawn("ended", () -> { });
            crew.run();
            assertTrue(ended.toCompletableFuture().isDone());
            assertNull(ended.toCompletableFuture().get());
        }
    }

    @Test
    void shouldTellTheFailure() {
        IllegalStateException bad = new IllegalStateException("bad");
        AtomicReference<Throwable> handled = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            Strand thrower = scheduler.spawn(() -> {
                Thread.currentThread().setUncaughtExceptionHandler((t, e) -> handled.set(e));
                throw bad;
            });
            CompletableFuture<Void> before = thrower.toCompletableFuture();
            assertNull(thrower.failure());
            scheduler.run();
            CompletableFuture<Void> after = thrower.toCompletableFuture();
            for (CompletableFuture<Void> future : List.of(before, after)) {
                assertSame(bad, assertThrows(ExecutionException.class, future::get).getCause());
                assertSame(bad, assertThrows(CompletionException.class, future::join).getCause());
            }
            assertSame(bad, thrower.failure());
            assertSame(bad, handled.get());
        }
    }

    @Test
    void shouldBeCanceledWithItsStrand() {
        try (Scheduler scheduler = Scheduler.open()) {
            Strand sleeper = scheduler.spawn(Support.body(
                    () -> Strands.sleep(Duration.ofHours(1))));
            CompletableFuture<Void> future = sleeper.toCompletableFuture();
            sleeper.cancel();
            assertFalse(future.isDone());
            scheduler.run();
            assertTrue(future.isCancelled());
            assertThrows(CancellationException.class, future::get);
            assertInstanceOf(CancellationException.class, sleeper.failure());
        }
    }

    @Test
    void shouldCancelItsStrand() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.scheduler.spawn("sleeper", Support.body(() -> {
                try {
                    Strands.sleep(Duration.ofHours(1));
                } finally {
                    order.append("ended");
                }
            }));
            CompletableFuture<Void> other = sleeper.toCompletableFuture();
            crew.spawn("canceler", () -> {
                CompletableFuture<Void> future = sleeper.toCompletableFuture();
                assertNotSame(other, future);
                assertTrue(future.cancel(false));
                assertTrue(future.isCancelled());
                assertFalse(other.isDone());
                order.append("canceled ");
            });
            crew.run();
            assertTrue(other.isCancelled());
        }
        assertEquals("canceled ended", order.toString());
    }

    @Test
    void shouldLeaveItsStrandAloneWhenCompleted() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            Strand worker = crew.spawn("worker", () -> {
                Strands.yield();
                order.append("worked");
            });
            crew.spawn("completer", () -> {
                CompletableFuture<Void> future = worker.toCompletableFuture();
                future.complete(null);
                future.get();
                order.append("completed ");
                assertFalse(worker.isDone());
            });
            crew.run();
        }
        assertEquals("completed worked", order.toString());
    }

    /** What depends on it may park: it is still a strand that runs it. */
    @Test
    void shouldRunWhatDependsOnItInTheStrand() throws Exception {
        AtomicReference<Strand> ranIn = new AtomicReference<>();
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            Strand worker = crew.spawn("worker", () -> order.append("worked "));
            worker.toCompletableFuture().thenRun(() -> {
                ranIn.set(Strands.current());
                Strands.yield();
                order.append("after");
            });
            crew.spawn("other", () -> order.append("other "));
            crew.run();
            assertSame(worker, ranIn.get());
        }
        assertEquals("worked other after", order.toString());
    }

    @Test
    void shouldEndTheWaitAtItsTimeout() {
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.scheduler.spawn("sleeper", Support.body(
                    () -> Strands.sleep(Duration.ofHours(1))));
            crew.spawn("waiter", () -> {
                CompletableFuture<Void> future = sleeper.toCompletableFuture();
                assertThrows(TimeoutException.class, () -> future.get(5, TimeUnit.MILLISECONDS));
                assertThrows(TimeoutException.class, () -> future.get(-1, TimeUnit.DAYS));
                sleeper.cancel();
                assertThrows(CancellationException.class,
                        () -> future.get(Long.MAX_VALUE, TimeUnit.DAYS));
            });
            crew.run();
        }
    }

    @Test
    void shouldEndTheWaitOfACanceledOrInterruptedStrand() {
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.scheduler.spawn("sleeper", Support.body(
                    () -> Strands.sleep(Duration.ofHours(1))));
            crew.spawn("waiter", () -> {
                CompletableFuture<Void> future = sleeper.toCompletableFuture();
                Strands.current().cancel();
                assertThrows(CancellationException.class, future::get);
                Thread.currentThread().interrupt();
                assertThrows(InterruptedException.class, future::get);
                assertFalse(future.isDone());
                sleeper.cancel();
            });
            crew.run();
        }
    }

    @Test
    void shouldBlockAThreadThatIsNoStrand() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            CountDownLatch go = new CountDownLatch(1);
            Strand worker = crew.spawn("worker",
                    () -> Strands.blocking(() -> {
                        go.await();
                        return null;
                    }));
            AtomicReference<Thread.State> waited = new AtomicReference<>();
            Thread waiter = new Thread(Support.body(() -> worker.toCompletableFuture().get()));
            waiter.start();
            Thread releaser = new Thread(Support.body(() -> {
                Support.until(() -> waiter.getState() == Thread.State.WAITING);
                waited.set(waiter.getState());
                go.countDown();
            }));
            releaser.start();
            crew.run();
            waiter.join();
            releaser.join();
            assertEquals(Thread.State.WAITING, waited.get());
        }
    }

    /** Asked for in the very moment in which the strand ends. */
    @Test
    void shouldMissNoEnd() throws Exception {
        int rounds = 300;
        try (Scheduler scheduler = Scheduler.open()) {
            AtomicReference<Strand> next = new AtomicReference<>();
            CyclicBarrier round = new CyclicBarrier(2);
            AtomicReference<Throwable> thrown = new AtomicReference<>();
            Thread asker = new Thread(() -> {
                try {
                    for (int i = 0; i < rounds; i++) {
                        round.await();
                        next.get().toCompletableFuture().get(30, TimeUnit.SECONDS);
                        round.await();
                    }
                } catch (Throwable missed) {
                    thrown.set(missed);
                    round.reset();
                }
            });
            asker.start();
            for (int i = 0; i < rounds && thrown.get() == null; i++) {
                next.set(scheduler.spawn(() -> { }));
                round.await();
                scheduler.run();
                round.await();
            }
            asker.join();
            assertNull(thrown.get());
        }
    }

    /** A virtual thread that a strand started ends without a word of ours. */
    @Test
    void shouldTellTheEndOfAnAdoptedThread() {
        Support.onlyMounted();
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("parent", () -> {
                AtomicReference<Strand> child = new AtomicReference<>();
                Support.startVirtualThread(() -> {
                    child.set(Strands.current());
                    Strands.yield();
                    order.append("child ");
                });
                Strands.yield();
                child.get().toCompletableFuture().get();
                order.append("parent");
            });
            crew.run();
        }
        assertEquals("child parent", order.toString());
    }
}
