// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What virtual threads on the core's queue do beyond what both engines do. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class MountedEngineTest {
    @BeforeEach
    void onlyMounted() {
        Support.onlyMounted();
    }

    private static final java.lang.invoke.MethodHandle START_VIRTUAL = findStartVirtual();

    private static java.lang.invoke.MethodHandle findStartVirtual() {
        try {
            return java.lang.invoke.MethodHandles.publicLookup().findStatic(Thread.class,
                    "startVirtualThread",
                    java.lang.invoke.MethodType.methodType(Thread.class, Runnable.class));
        } catch (ReflectiveOperationException before21) {
            return null;
        }
    }

    @Test
    void shouldRunOnTheCarrier() {
        AtomicReference<String> description = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("mounted", () -> {
                assertTrue(Engine.isVirtual(Thread.currentThread()));
                description.set(Thread.currentThread().toString());
            });
            crew.run();
        }
        String carrier = Thread.currentThread().getName();
        assertTrue(description.get().endsWith("@" + carrier), description.get());
    }

    @Test
    void shouldWakeFromTheJdksOwnWaits() {
        ReentrantLock lock = new ReentrantLock();
        AtomicInteger woken = new AtomicInteger();
        StringBuilder others = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("sleeper", () -> {
                Thread.sleep(20);
                woken.incrementAndGet();
            });
            crew.spawn("holder", () -> {
                lock.lock();
                Strands.sleep(Duration.ofMillis(20));
                lock.unlock();
            });
            crew.spawn("locker", () -> {
                lock.lock();
                lock.unlock();
                woken.incrementAndGet();
            });
            crew.spawn("waiter", () -> {
                CountDownLatch latch = new CountDownLatch(1);
                Strands.spawn(latch::countDown);
                latch.await();
                woken.incrementAndGet();
            });
            crew.spawn("other", () -> {
                while (woken.get() < 3) {
                    Strands.yield();
                }
                others.append("ran");
            });
            crew.run();
        }
        assertEquals("ran", others.toString());
    }

    @Test
    void shouldWakeFromAContendedMonitor() throws Exception {
        Object monitor = new Object();
        CountDownLatch held = new CountDownLatch(1);
        AtomicReference<Thread> blocked = new AtomicReference<>();
        AtomicInteger entered = new AtomicInteger();
        Thread holder = new Thread(Support.body(() -> {
            synchronized (monitor) {
                held.countDown();
                Support.until(() -> blocked.get() != null
                        && blocked.get().getState() == Thread.State.BLOCKED);
            }
        }));
        holder.start();
        held.await();
        try (Support.Crew crew = new Support.Crew()) {
            for (int i = 0; i < 10; i++) {
                crew.spawn("enters " + i, () -> {
                    blocked.set(Thread.currentThread());
                    synchronized (monitor) {
                        entered.incrementAndGet();
                        Strands.yield();
                    }
                });
            }
            crew.run();
        }
        holder.join();
        assertEquals(10, entered.get());
    }

    @Test
    void shouldWakeFromAJdkSocket() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                Support.Crew crew = new Support.Crew()) {
            StringBuilder order = new StringBuilder();
            crew.spawn("server", () -> {
                try (Socket peer = server.accept()) {
                    order.append("accepted ");
                    peer.getOutputStream().write("hello\n".getBytes());
                }
            });
            crew.spawn("client", () -> {
                try (Socket peer = new Socket(server.getInetAddress(), server.getLocalPort());
                        BufferedReader in = new BufferedReader(
                                new InputStreamReader(peer.getInputStream()))) {
                    order.append(in.readLine());
                }
            });
            crew.run();
            assertEquals("accepted hello", order.toString());
        }
    }

    @Test
    void shouldAdoptVirtualThreadsStartedInside() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Strand> child = new AtomicReference<>();
            AtomicReference<Scheduler> grandchild = new AtomicReference<>();
            crew.spawn("parent", () -> Support.startVirtualThread(Support.body(() -> {
                child.set(Strands.current());
                Strands.sleep(Duration.ofMillis(1));
                Support.startVirtualThread(() -> grandchild.set(Strands.current().scheduler));
            })));
            crew.run();
            assertSame(crew.scheduler, child.get().scheduler);
            assertSame(crew.scheduler, grandchild.get());
            assertTrue(child.get().isDone());
            assertEquals(3, crew.scheduler.stats().finished());
            assertEquals(0, crew.scheduler.children.size());
        }
    }

    @Test
    void shouldStayFlatOverAMillionChildren() {
        int children = 1_000_000;
        AtomicLong ran = new AtomicLong();
        long[] residentKb = new long[2];
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("parent", () -> {
                for (int i = 0; i < children; i++) {
                    Thread started = start(ran);
                    if (i % 1_000 == 999) {
                        started.join();
                    }
                    if (i == children / 10) {
                        residentKb[0] = afterCollection();
                    }
                }
            });
            crew.run();
            residentKb[1] = afterCollection();
            assertEquals(children, ran.get());
            assertEquals(0, crew.scheduler.children.size());
            assertEquals(0, crew.scheduler.stats().live());
        }
        assertTrue(residentKb[1] - residentKb[0] < 16 * 1024,
                "heap in use grew from " + residentKb[0] + " to " + residentKb[1] + " KiB");
    }

    private static Thread start(AtomicLong ran) {
        try {
            return (Thread) START_VIRTUAL.invokeExact((Runnable) ran::incrementAndGet);
        } catch (Throwable thrown) {
            throw new IllegalStateException(thrown);
        }
    }

    /** Heap in use, in KiB. */
    private static long afterCollection() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() >> 10;
    }

    /**
     * A dump suspends each thread for a moment and then submits it again. Through getStackTrace: the
     * dumpThreads of JDK 25.0.3 crashes on the JDK's own virtual threads when they yield meanwhile.
     */
    @Test
    void shouldBearStackDumpsOfAThousandStrands() throws Exception {
        int strands = 1_000;
        AtomicReferenceArray<Thread> threads = new AtomicReferenceArray<>(strands);
        AtomicInteger running = new AtomicInteger(strands);
        long[] turns = new long[strands];
        AtomicLong dumps = new AtomicLong();
        Thread dumper = new Thread(() -> {
            for (int i = 0; running.get() > 0; i = (i + 1) % strands) {
                Thread thread = threads.get(i);
                if (thread != null && thread.getStackTrace().length > 0) {
                    dumps.incrementAndGet();
                }
            }
        });
        try (Support.Crew crew = new Support.Crew()) {
            for (int i = 0; i < strands; i++) {
                int number = i;
                crew.spawn("busy " + i, () -> {
                    threads.set(number, Thread.currentThread());
                    while (dumps.get() <= 2 * strands || turns[number] < 2) {
                        turns[number]++;
                        takeTurn(number);
                    }
                    running.decrementAndGet();
                });
            }
            dumper.start();
            crew.run();
            assertEquals(strands, crew.scheduler.stats().finished());
        }
        assertEquals(0, running.get());
        dumper.join();
        for (long n : turns) {
            assertTrue(n > 1, "a strand was lost");
        }
    }

    /** Yields, waits in the core, or waits in the JDK. */
    private static void takeTurn(int number) throws Exception {
        switch (number % 4) {
            case 0, 1 -> Strands.yield();
            case 2 -> Strands.sleep(Duration.ofMillis(1));
            default -> LockSupport.parkNanos(1_000_000);
        }
    }

    /** As a thread dump does that comes late: the thread is handed in again, though it cannot run. */
    private static void echo(Strand strand) {
        MountedStrand mounted = (MountedStrand) strand;
        mounted.execute(VirtualThreads.continuationOf(mounted.thread));
    }

    @Test
    void shouldBearAnEchoBeforeAWake() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Strand> worker = new AtomicReference<>();
            Strand joiner = crew.spawn("joiner", () -> {
                worker.get().join();
                order.append("joined");
            });
            worker.set(crew.spawn("worker", () -> {
                echo(joiner);     // queued in vain; then its wait ends
                order.append("worked ");
            }));
            crew.run();
        }
        assertEquals("worked joined", order.toString());
    }

    @Test
    void shouldBearAnEchoAfterAWake() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Strand> worker = new AtomicReference<>();
            Strand joiner = crew.spawn("joiner", () -> {
                worker.get().join();
                order.append("joined");
            });
            worker.set(crew.spawn("worker", () -> order.append("worked ")));
            crew.spawn("dumper", () -> echo(joiner));
            crew.run();
        }
        assertEquals("worked joined", order.toString());
    }

    @Test
    void shouldBearAnEchoAfterTheEnd() {
        try (Support.Crew crew = new Support.Crew()) {
            Strand done = crew.spawn("done", () -> { });
            crew.spawn("dumper", () -> echo(done));
            crew.run();
            echo(done);
            assertEquals(2, crew.scheduler.stats().switches());
        }
    }

    @Test
    void shouldLoseNoUnparkFromAnotherThread() throws Exception {
        int rounds = 100_000;
        AtomicInteger asked = new AtomicInteger();
        AtomicInteger answered = new AtomicInteger();
        AtomicReference<Thread> thread = new AtomicReference<>();
        Thread asker = new Thread(() -> {
            for (int i = 1; i <= rounds; i++) {
                asked.set(i);
                LockSupport.unpark(thread.get());
                while (answered.get() < i) {
                    Thread.onSpinWait();
                }
            }
        });
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("answers", () -> {
                thread.set(Thread.currentThread());
                asker.start();
                for (int i = 1; i <= rounds; i++) {
                    while (asked.get() < i) {
                        LockSupport.park();
                    }
                    answered.set(i);
                }
            });
            crew.run();
        }
        assertEquals(rounds, answered.get());
        asker.join();
    }

    @Test
    void shouldBeRefusedARunOnAVirtualThread() throws Exception {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Support.startVirtualThread(() -> {
            try (Scheduler scheduler = Scheduler.open()) {
                thrown.set(assertThrows(IllegalStateException.class, scheduler::run));
            }
        }).join();
        assertNotNull(thrown.get());
    }

    @Test
    void shouldLeaveThreadsOutsideToTheJdk() throws Exception {
        AtomicReference<Strand> strand = new AtomicReference<>();
        AtomicBoolean ran = new AtomicBoolean();
        Support.startVirtualThread(() -> {
            strand.set(Strands.current());
            ran.set(true);
        }).join();
        assertTrue(ran.get());
        assertFalse(strand.get() != null);
    }
}
