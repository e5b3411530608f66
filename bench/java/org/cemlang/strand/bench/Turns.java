// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;

/** The cases that JMH measures; each invocation is a whole run of its workers, from start to end. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class Turns {
    private static final int TWO_YIELDS = 100_000;
    private static final int MANY_YIELDS = 500;
    private static final int BATCH = 1000;
    private static final int BATCHES = 20;
    private static final int ROUND_TRIPS = 20_000;

    private static final Workers SYSTEM = Workers.SYSTEM;

    @Benchmark
    @OperationsPerInvocation(2 * TWO_YIELDS)
    public void yield2() {
        yieldInTurn(2, TWO_YIELDS);
    }

    @Benchmark
    @OperationsPerInvocation(1000 * MANY_YIELDS)
    public void yield1000() {
        yieldInTurn(1000, MANY_YIELDS);
    }

    private static void yieldInTurn(int workers, int yields) {
        SYSTEM.run(() -> {
            Object[] started = new Object[workers];
            for (int i = 0; i < workers; i++) {
                started[i] = SYSTEM.start(() -> {
                    for (int k = 0; k < yields; k++) {
                        SYSTEM.yieldTurn();
                    }
                });
            }
            for (Object worker : started) {
                SYSTEM.join(worker);
            }
        });
    }

    /** Start, run, finish. Nothing runs at the same time on one carrier, so a plain counter does. */
    private static int finished;

    @Benchmark
    @OperationsPerInvocation(BATCH * BATCHES)
    public void spawn() {
        SYSTEM.run(() -> {
            for (int batch = 0; batch < BATCHES; batch++) {
                finished = 0;
                for (int i = 0; i < BATCH; i++) {
                    SYSTEM.start(() -> finished++);
                }
                while (finished < BATCH) {
                    SYSTEM.yieldTurn();
                }
            }
        });
    }

    /**
     * The turn goes to and fro between two workers: each lets the other go on and waits. A hand-over
     * is half of a round trip.
     */
    @Benchmark
    @OperationsPerInvocation(2 * ROUND_TRIPS)
    public void handOver() {
        if (!SYSTEM.locksPark()) {
            yieldInTurn(2, ROUND_TRIPS);
            return;
        }
        SYSTEM.run(() -> {
            Turn turn = new Turn();
            Object second = SYSTEM.start(() -> turn.take(1));
            Object first = SYSTEM.start(() -> turn.take(0));
            SYSTEM.join(first);
            SYSTEM.join(second);
        });
    }

    private static final class Turn {
        private final Thread[] takers = new Thread[2];
        private final CountDownLatch both = new CountDownLatch(2);
        private volatile int whose;

        void take(int self) {
            takers[self] = Thread.currentThread();
            both.countDown();
            await(both);
            for (int i = 0; i < ROUND_TRIPS; i++) {
                while (whose != self) {
                    LockSupport.park(this);
                }
                whose = 1 - self;
                LockSupport.unpark(takers[1 - self]);
            }
        }
    }

    /** A message to the other worker and its answer, by way of java.util.concurrent; a round trip. */
    @Benchmark
    @OperationsPerInvocation(ROUND_TRIPS)
    public void pingPong() {
        SYSTEM.run(() -> {
            SynchronousQueue<Integer> pings = new SynchronousQueue<>();
            SynchronousQueue<Integer> pongs = new SynchronousQueue<>();
            Object answerer = SYSTEM.start(() -> {
                for (int i = 0; i < ROUND_TRIPS; i++) {
                    put(pongs, take(pings));
                }
            });
            Integer message = 1;
            for (int i = 0; i < ROUND_TRIPS; i++) {
                put(pings, message);
                message = take(pongs);
            }
            SYSTEM.join(answerer);
        });
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void put(SynchronousQueue<Integer> queue, Integer message) {
        try {
            queue.put(message);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static Integer take(SynchronousQueue<Integer> queue) {
        try {
            return queue.take();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
