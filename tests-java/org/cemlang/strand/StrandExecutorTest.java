// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@link Scheduler#newExecutor}, on either engine. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class StrandExecutorTest {
    /** Runs a scheduler on a thread of its own, for as long as the body has its executor. */
    private interface Use {
        void with(Scheduler scheduler, ExecutorService executor) throws Exception;
    }

    private static void served(Use use) throws Exception {
        try (Scheduler scheduler = Scheduler.open()) {
            ExecutorService executor = scheduler.newExecutor();
            Thread carrier = new Thread(scheduler::run);
            carrier.start();
            try {
                use.with(scheduler, executor);
            } finally {
                executor.shutdownNow();
                carrier.join();
            }
        }
    }

    private static Callable<Void> sleeping(CountDownLatch begun) {
        return () -> {
            begun.countDown();
            Strands.sleep(Duration.ofHours(1));
            return null;
        };
    }

    @Test
    void shouldServeThreadsThatAreNoStrands() throws Exception {
        served((scheduler, executor) -> {
            Future<Scheduler> task = executor.submit(() -> Strands.current().scheduler);
            assertSame(scheduler, task.get());
            assertEquals("done", executor.submit(() -> { }, "done").get());
        });
    }

    @Test
    void shouldRunEachTaskInAStrandOfItsOwn() throws Exception {
        served((scheduler, executor) -> {
            List<Future<Strand>> tasks = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                tasks.add(executor.submit(Strands::current));
            }
            long strands = 0;
            for (Future<Strand> task : tasks) {
                strands += task.get() != null ? 1 : 0;
            }
            assertEquals(20, strands);
            executor.shutdown();
            assertTrue(executor.awaitTermination(30, TimeUnit.SECONDS));
            assertEquals(21, scheduler.stats().spawned());      // and the executor's own
        });
    }

    @Test
    void shouldParkTheStrandThatWaitsForATask() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            ExecutorService executor = crew.scheduler.newExecutor();
            crew.spawn("waiter", () -> {
                Future<String> task = executor.submit(() -> {
                    Strands.yield();
                    return "task ";
                });
                order.append(task.get()).append(task.get(1, TimeUnit.DAYS));
                executor.shutdown();
            });
            crew.spawn("other", () -> order.append("other "));
            crew.run();
        }
        assertEquals("other task task ", order.toString());
    }

    @Test
    void shouldEndTheWaitForATaskAtItsTimeoutOrCancel() throws Exception {
        served((scheduler, executor) -> executor.submit(() -> {
            Future<Void> task = executor.submit(sleeping(new CountDownLatch(1)));
            assertThrows(TimeoutException.class, () -> task.get(1, TimeUnit.MILLISECONDS));
            Strands.current().cancel();
            assertThrows(CancellationException.class, task::get);
            assertFalse(task.isDone());
            return null;
        }).get());
    }

    @Test
    void shouldInterruptACanceledTask() throws Exception {
        served((scheduler, executor) -> {
            CountDownLatch begun = new CountDownLatch(1);
            CompletableFuture<Throwable> ended = new CompletableFuture<>();
            Future<?> task = executor.submit(() -> {
                try {
                    return sleeping(begun).call();
                } catch (Throwable thrown) {
                    ended.complete(thrown);
                    throw thrown;
                }
            });
            begun.await();
            assertTrue(task.cancel(true));
            assertInstanceOf(InterruptedException.class, ended.get());
            assertThrows(CancellationException.class, task::get);
        });
    }

    @Test
    void shouldTellWhatATaskThrew() throws Exception {
        served((scheduler, executor) -> {
            IllegalStateException bad = new IllegalStateException("bad");
            Future<?> task = executor.submit(() -> {
                throw bad;
            });
            assertSame(bad, assertThrows(ExecutionException.class, task::get).getCause());
        });
    }

    @Test
    void shouldInvokeAll() throws Exception {
        List<Callable<Integer>> calls = List.of(() -> 1, () -> {
            Strands.yield();
            return 2;
        }, () -> 3);
        served((scheduler, executor) -> {
            Callable<Integer> sum = () -> {
                int total = 0;
                for (Future<Integer> task : executor.invokeAll(calls)) {
                    assertTrue(task.isDone());
                    total += task.get();
                }
                return total;
            };
            assertEquals(6, sum.call());
            assertEquals(6, executor.submit(sum).get());
        });
    }

    @Test
    void shouldInvokeAnyFromInsideAndOutside() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        List<Callable<String>> calls = List.of(() -> {
            throw new IllegalStateException("the first fails");
        }, () -> {
            sleeping(begun).call();
            return "too late";
        }, () -> "third");
        served((scheduler, executor) -> {
            assertEquals("third", executor.invokeAny(calls));
            assertEquals("third", executor.submit(() -> executor.invokeAny(calls)).get());
            assertEquals("third", executor.invokeAny(calls, 1, TimeUnit.DAYS));
            executor.shutdown();     // and the losers end
            assertTrue(executor.awaitTermination(30, TimeUnit.SECONDS));
        });
    }

    @Test
    void shouldTellWhyAnyOfThemFailed() throws Exception {
        IllegalStateException bad = new IllegalStateException("bad");
        Callable<String> throwing = () -> {
            throw bad;
        };
        Callable<String> sleeping = () -> {
            Strands.sleep(Duration.ofHours(1));
            return "";
        };
        served((scheduler, executor) -> {
            assertSame(bad, assertThrows(ExecutionException.class,
                    () -> executor.invokeAny(List.of(throwing, throwing))).getCause());
            assertThrows(TimeoutException.class,
                    () -> executor.invokeAny(List.of(sleeping), 1, TimeUnit.MILLISECONDS));
            assertThrows(IllegalArgumentException.class, () -> executor.invokeAny(List.of()));
        });
    }

    @Test
    void shouldFinishWhatItHasAfterAShutdown() throws Exception {
        AtomicInteger ran = new AtomicInteger();
        try (Scheduler scheduler = Scheduler.open()) {
            ExecutorService executor = scheduler.newExecutor();
            for (int i = 0; i < 3; i++) {
                executor.execute(() -> {
                    Strands.yield();
                    ran.incrementAndGet();
                });
            }
            executor.shutdown();
            executor.shutdown();
            assertTrue(executor.isShutdown());
            assertFalse(executor.isTerminated());
            assertFalse(executor.awaitTermination(0, TimeUnit.SECONDS));
            assertThrows(RejectedExecutionException.class, () -> executor.execute(() -> { }));
            scheduler.run();
            assertEquals(3, ran.get());
            assertTrue(executor.isTerminated());
            assertTrue(executor.awaitTermination(0, TimeUnit.SECONDS));
            scheduler.spawn(ran::incrementAndGet);     // the scheduler goes on
            scheduler.run();
            assertEquals(4, ran.get());
        }
    }

    @Test
    void shouldInterruptWhatRunsAndTakeBackWhatDoesNot() throws Exception {
        served((scheduler, executor) -> {
            CountDownLatch begun = new CountDownLatch(1);
            Future<Void> running = executor.submit(sleeping(begun));
            begun.await();
            CountDownLatch hold = new CountDownLatch(1);
            CountDownLatch held = new CountDownLatch(1);
            AtomicInteger ran = new AtomicInteger();
            executor.execute(Support.body(() -> {     // keeps the carrier, so that none begins
                held.countDown();
                while (hold.getCount() > 0) {
                    Thread.onSpinWait();
                }
            }));
            held.await();
            executor.execute(ran::incrementAndGet);
            executor.execute(ran::incrementAndGet);
            assertEquals(2, executor.shutdownNow().size());
            hold.countDown();
            assertTrue(executor.awaitTermination(30, TimeUnit.SECONDS));
            assertEquals(0, ran.get());
            assertInstanceOf(InterruptedException.class,
                    assertThrows(ExecutionException.class, running::get).getCause());
        });
    }

    @Test
    void shouldKeepTheRunGoingUntilItIsShutDown() throws Exception {
        served((scheduler, executor) -> {
            executor.submit(() -> { }).get();
            Support.until(() -> scheduler.stats().parked() == 1);     // nothing to do, and it runs
            assertTrue(scheduler.dump().contains("executor"), scheduler.dump());
            executor.submit(() -> { }).get();
        });
    }

    @Test
    void shouldBeShutDownByTheStopOfItsScheduler() throws Exception {
        try (Scheduler scheduler = Scheduler.open()) {
            ExecutorService executor = scheduler.newExecutor();
            Future<Void> task = executor.submit(sleeping(new CountDownLatch(1)));
            scheduler.stop();
            scheduler.run();
            assertTrue(executor.isShutdown());
            assertTrue(executor.isTerminated());
            assertInstanceOf(CancellationException.class,
                    assertThrows(ExecutionException.class, task::get).getCause());
        }
    }

    @Test
    void shouldWaitForItsTasksWhenClosed() throws Exception {
        AtomicInteger ran = new AtomicInteger();
        served((scheduler, executor) -> {
            assumeTrue(executor instanceof AutoCloseable, "ExecutorService.close is of JDK 19");
            executor.execute(() -> {
                Strands.yield();
                ran.incrementAndGet();
            });
            ((AutoCloseable) executor).close();
            assertEquals(1, ran.get());
            assertTrue(executor.isTerminated());
        });
    }

    @Test
    void shouldBeAwaitedByAStrandOfAnotherScheduler() throws Exception {
        AtomicReference<Boolean> ended = new AtomicReference<>();
        served((scheduler, executor) -> {
            executor.execute(() -> Strands.yield());
            executor.shutdown();
            ended.set(Support.inStrand(() -> executor.awaitTermination(1, TimeUnit.DAYS)));
        });
        assertEquals(true, ended.get());
    }

    /** Those who are refused and those who shut down meet in the middle. */
    @Test
    void shouldTakeEachTaskOrRefuseIt() throws Exception {
        served((scheduler, executor) -> {
            AtomicInteger taken = new AtomicInteger();
            AtomicInteger ran = new AtomicInteger();
            CountDownLatch some = new CountDownLatch(2);
            Thread[] threads = new Thread[2];
            for (int i = 0; i < threads.length; i++) {
                threads[i] = new Thread(() -> {
                    try {
                        for (;;) {
                            executor.execute(ran::incrementAndGet);
                            taken.incrementAndGet();
                            some.countDown();
                        }
                    } catch (RejectedExecutionException shutDown) {
                        // And that is the end of it.
                    }
                });
                threads[i].start();
            }
            some.await();
            executor.shutdown();
            for (Thread thread : threads) {
                thread.join();
            }
            assertTrue(executor.awaitTermination(60, TimeUnit.SECONDS));
            assertEquals(taken.get(), ran.get());
        });
    }
}
