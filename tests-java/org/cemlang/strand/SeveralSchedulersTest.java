// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Schedulers on carriers of their own, and threads that are none, talking to each other. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class SeveralSchedulersTest {
    /** Each on a thread of its own, until all have run to their end. */
    private static final class Carriers implements AutoCloseable {
        private final List<Support.Crew> crews = new ArrayList<>();

        Carriers(int count) {
            for (int i = 0; i < count; i++) {
                crews.add(new Support.Crew());
            }
        }

        Support.Crew get(int i) {
            return crews.get(i);
        }

        void run() throws InterruptedException {
            AtomicReference<Throwable> thrown = new AtomicReference<>();
            List<Thread> threads = new ArrayList<>();
            for (Support.Crew crew : crews) {
                Thread thread = new Thread(() -> {
                    try {
                        crew.run();
                    } catch (Throwable failed) {
                        thrown.set(failed);
                    }
                });
                threads.add(thread);
                thread.start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertNull(thrown.get());
        }

        @Override
        public void close() {
            crews.forEach(Support.Crew::close);
        }
    }

    @Test
    void shouldJoinStrandsOfOtherSchedulers() throws Exception {
        int chain = 30;
        AtomicInteger joined = new AtomicInteger();
        try (Carriers carriers = new Carriers(3)) {
            Strand first = carriers.get(0).spawn("first", () -> Strands.yield());
            Strand before = first;
            for (int i = 1; i <= chain; i++) {
                Strand joins = before;
                int place = i;
                before = carriers.get(i % 3).spawn("joiner " + i, () -> {
                    joins.join();
                    assertEquals(place, joined.incrementAndGet());
                });
            }
            carriers.run();
        }
        assertEquals(chain, joined.get());
    }

    @Test
    void shouldWaitForFuturesOfOtherSchedulers() throws Exception {
        AtomicInteger waited = new AtomicInteger();
        try (Carriers carriers = new Carriers(2)) {
            for (int i = 0; i < 50; i++) {
                Strand worker = carriers.get(0).spawn("worker " + i, () -> Strands.yield());
                carriers.get(1).spawn("waiter " + i, () -> {
                    worker.toCompletableFuture().get();
                    assertTrue(worker.isDone());
                    waited.incrementAndGet();
                });
            }
            carriers.run();
        }
        assertEquals(50, waited.get());
    }

    /** Each asks the other's executor, and that asks back. */
    @Test
    void shouldSubmitToEachOther() throws Exception {
        int rounds = 100;
        AtomicInteger answers = new AtomicInteger();
        try (Carriers carriers = new Carriers(2)) {
            ExecutorService here = carriers.get(0).scheduler.newExecutor();
            ExecutorService there = carriers.get(1).scheduler.newExecutor();
            carriers.get(0).spawn("asks", () -> {
                for (int i = 0; i < rounds; i++) {
                    int n = i;
                    answers.addAndGet(there.submit(() -> here.submit(() -> n % 2).get()).get());
                }
                there.shutdown();
                here.shutdown();
            });
            carriers.run();
        }
        assertEquals(rounds / 2, answers.get());
    }

    @Test
    void shouldCancelStrandsOfOtherSchedulers() throws Exception {
        try (Carriers carriers = new Carriers(2)) {
            CountDownLatch begun = new CountDownLatch(1);
            Strand sleeper = carriers.get(0).scheduler.spawn("sleeper", Support.body(() -> {
                begun.countDown();
                Strands.sleep(java.time.Duration.ofHours(1));
            }));
            carriers.get(1).spawn("canceler", () -> {
                Strands.blocking(() -> {
                    begun.await();
                    return null;
                });
                sleeper.cancel();
                sleeper.join();
            });
            carriers.run();
            assertTrue(sleeper.isDone());
        }
    }

    /** Threads that are no strands spawn and wait, on three schedulers at once. */
    @Test
    void shouldServeManyForeignThreads() throws Exception {
        AtomicInteger ran = new AtomicInteger();
        try (Carriers carriers = new Carriers(3)) {
            List<ExecutorService> executors = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                executors.add(carriers.get(i).scheduler.newExecutor());
            }
            AtomicReference<Throwable> thrown = new AtomicReference<>();
            AtomicInteger left = new AtomicInteger(4);
            for (int t = 0; t < 4; t++) {
                int number = t;
                new Thread(() -> {
                    try {
                        for (int i = 0; i < 100; i++) {
                            executors.get((i + number) % 3).submit(ran::incrementAndGet).get();
                        }
                    } catch (Throwable failed) {
                        thrown.set(failed);
                    }
                    if (left.decrementAndGet() == 0) {
                        executors.forEach(ExecutorService::shutdown);
                    }
                }).start();
            }
            carriers.run();
            assertNull(thrown.get());
        }
        assertEquals(400, ran.get());
    }

    // -- by the JDK's means, which keep the baton --------------------------------------------------

    @Test
    void shouldTalkThroughQueues() throws Exception {
        Support.onlyMounted();
        BlockingQueue<Integer> there = new SynchronousQueue<>();
        BlockingQueue<Integer> back = new ArrayBlockingQueue<>(1);
        int rounds = 500;
        try (Carriers carriers = new Carriers(2)) {
            carriers.get(0).spawn("asks", () -> {
                for (int i = 0; i < rounds; i++) {
                    there.put(i);
                    assertEquals(i + 1, back.take());
                }
                there.put(-1);
            });
            carriers.get(1).spawn("answers", () -> {
                for (int n; (n = there.take()) >= 0; ) {
                    back.put(n + 1);
                }
            });
            carriers.run();
        }
    }

    @Test
    void shouldTalkThroughCompletableFutures() throws Exception {
        Support.onlyMounted();
        List<CompletableFuture<Integer>> futures = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            futures.add(new CompletableFuture<>());
        }
        futures.get(0).complete(0);
        try (Carriers carriers = new Carriers(2)) {
            for (int i = 1; i < 100; i++) {
                int n = i;
                carriers.get(i % 2).spawn("passes on " + i,
                        () -> futures.get(n).complete(futures.get(n - 1).get() + 1));
            }
            carriers.run();
        }
        assertEquals(99, futures.get(99).get());
    }

    /** What a strand that waits for a sign is woken by, from wherever. */
    @Test
    void shouldBeUnparkedByThreadsAndByStrandsOfOthers() throws Exception {
        Support.onlyMounted();
        int rounds = 500;
        AtomicReference<Thread> waiter = new AtomicReference<>();
        AtomicInteger signs = new AtomicInteger();
        AtomicInteger seen = new AtomicInteger();
        Support.Body signal = () -> {
            for (int i = 0; i < rounds; i++) {
                signs.incrementAndGet();
                LockSupport.unpark(waiter.get());
                Strands.yield();
            }
        };
        try (Carriers carriers = new Carriers(2)) {
            Thread thread = new Thread(Support.body(signal));
            carriers.get(0).spawn("waits", () -> {
                waiter.set(Thread.currentThread());
                thread.start();
                while (seen.get() < 2 * rounds) {
                    while (signs.get() == seen.get()) {
                        LockSupport.park();
                    }
                    seen.set(signs.get());
                }
            });
            carriers.get(1).spawn("signals", () -> {
                while (waiter.get() == null) {
                    Strands.yield();
                }
                signal.run();
            });
            carriers.run();
            thread.join();
        }
        assertEquals(2 * rounds, seen.get());
    }
}
