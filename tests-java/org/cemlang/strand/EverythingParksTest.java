// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Exchanger;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What a virtual thread can wait for, a strand can: it parks, and the strand behind it runs meanwhile,
 * which is mostly the one that ends the wait. A wait that held the carrier would never end.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class EverythingParksTest {
    private static final Support.Body NOTHING = () -> { };

    private static void parks(Support.Body waits, Support.Body ends) {
        parks(NOTHING, waits, ends);
    }

    /** {@code before} is a strand too, and has the first turn. */
    private static void parks(Support.Body before, Support.Body waits, Support.Body ends) {
        assumeTrue(Support.mounted(), "on the baton a call of the JDK keeps the baton");
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("before", before);
            crew.spawn("waits", () -> {
                order.append("waits ");
                waits.run();
                order.append("goes on");
            });
            crew.spawn("meanwhile", () -> {
                order.append("meanwhile ");
                ends.run();
            });
            crew.run();
            assertEquals(0, crew.scheduler.stats().pinnedWaits());
        }
        assertEquals("waits meanwhile goes on", order.toString());
    }

    private static void assumeMonitorsPark() {
        assumeTrue(Runtime.version().feature() >= 24, "a monitor pins before JDK 24");
    }

    // -- threads ----------------------------------------------------------------------------------

    @Test
    void shouldParkInThreadSleep() {
        parks(() -> Thread.sleep(1), NOTHING);
    }

    @Test
    void shouldParkInThreadYield() {
        parks(Thread::yield, NOTHING);
    }

    @Test
    void shouldParkInThreadJoin() {
        AtomicBoolean goOn = new AtomicBoolean();
        parks(() -> Support.startVirtualThread(() -> {
            while (!goOn.get()) {
                Thread.yield();
            }
        }).join(), () -> goOn.set(true));
    }

    @Test
    void shouldParkInLockSupport() {
        AtomicReference<Thread> thread = new AtomicReference<>();
        AtomicBoolean sign = new AtomicBoolean();
        parks(() -> {
            thread.set(Thread.currentThread());
            while (!sign.get()) {
                LockSupport.park();
            }
        }, () -> {
            sign.set(true);
            LockSupport.unpark(thread.get());
        });
    }

    @Test
    void shouldParkInLockSupportForATime() {
        parks(() -> LockSupport.parkNanos(1_000_000), NOTHING);
    }

    // -- monitors ---------------------------------------------------------------------------------

    @Test
    void shouldParkBeforeAMonitor() {
        assumeMonitorsPark();
        Object monitor = new Object();
        AtomicBoolean goOn = new AtomicBoolean();
        parks(() -> {
            synchronized (monitor) {
                while (!goOn.get()) {
                    Strands.yield();
                }
            }
        }, () -> {
            synchronized (monitor) {
                goOn.get();
            }
        }, () -> goOn.set(true));
    }

    @Test
    void shouldParkInObjectWait() {
        assumeMonitorsPark();
        Object monitor = new Object();
        AtomicBoolean sign = new AtomicBoolean();
        parks(() -> {
            synchronized (monitor) {
                while (!sign.get()) {
                    monitor.wait();
                }
            }
        }, () -> {
            synchronized (monitor) {
                sign.set(true);
                monitor.notifyAll();
            }
        });
    }

    // -- java.util.concurrent ---------------------------------------------------------------------

    @Test
    void shouldParkInReentrantLock() {
        ReentrantLock lock = new ReentrantLock();
        AtomicBoolean goOn = new AtomicBoolean();
        parks(() -> {
            lock.lock();
            while (!goOn.get()) {
                Strands.yield();
            }
            lock.unlock();
        }, () -> {
            lock.lock();
            lock.unlock();
        }, () -> goOn.set(true));
    }

    @Test
    void shouldParkInACondition() {
        ReentrantLock lock = new ReentrantLock();
        Condition condition = lock.newCondition();
        AtomicBoolean sign = new AtomicBoolean();
        parks(() -> {
            lock.lock();
            while (!sign.get()) {
                condition.await();
            }
            lock.unlock();
        }, () -> {
            lock.lock();
            sign.set(true);
            condition.signal();
            lock.unlock();
        });
    }

    @Test
    void shouldParkInTheTakeOfAQueue() {
        BlockingQueue<String> queue = new LinkedBlockingQueue<>();
        parks(queue::take, () -> queue.put("x"));
    }

    @Test
    void shouldParkInThePutOfAFullQueue() {
        BlockingQueue<String> queue = new ArrayBlockingQueue<>(1);
        parks(() -> queue.put("first"), () -> queue.put("second"), queue::take);
    }

    @Test
    void shouldParkInASynchronousQueue() {
        BlockingQueue<String> queue = new SynchronousQueue<>();
        parks(() -> queue.put("x"), queue::take);
    }

    @Test
    void shouldParkInTheGetOfACompletableFuture() {
        CompletableFuture<String> future = new CompletableFuture<>();
        parks(future::get, () -> future.complete("x"));
    }

    @Test
    void shouldParkInALatchASemaphoreABarrierAndAnExchanger() {
        CountDownLatch latch = new CountDownLatch(1);
        parks(latch::await, latch::countDown);
        Semaphore semaphore = new Semaphore(0);
        parks(semaphore::acquire, semaphore::release);
        CyclicBarrier barrier = new CyclicBarrier(2);
        parks(() -> {
            barrier.await();
            Strands.yield();     // who comes last need not wait
        }, barrier::await);
        Exchanger<String> exchanger = new Exchanger<>();
        parks(() -> {
            exchanger.exchange("a");
            Strands.yield();
        }, () -> exchanger.exchange("b"));
    }

    // -- sockets and channels ---------------------------------------------------------------------

    /** A connection's two ends, of the JDK's. */
    private record Sockets(Socket here, Socket there) implements AutoCloseable {
        static Sockets open() throws IOException {
            try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                Socket here = new Socket(server.getInetAddress(), server.getLocalPort());
                return new Sockets(here, server.accept());
            }
        }

        @Override
        public void close() throws IOException {
            here.close();
            there.close();
        }
    }

    @Test
    void shouldParkInTheReadOfASocket() throws Exception {
        try (Sockets sockets = Sockets.open()) {
            parks(() -> sockets.here.getInputStream().read(),
                    () -> sockets.there.getOutputStream().write('x'));
        }
    }

    @Test
    void shouldParkInTheReadOfASocketWithATimeout() throws Exception {
        try (Sockets sockets = Sockets.open()) {
            sockets.here.setSoTimeout(3_600_000);
            parks(() -> sockets.here.getInputStream().read(),
                    () -> sockets.there.getOutputStream().write('x'));
        }
    }

    @Test
    void shouldParkInTheWriteOfASocket() throws Exception {
        byte[] flood = new byte[16 << 20];
        try (Sockets sockets = Sockets.open()) {
            parks(() -> {
                OutputStream out = sockets.here.getOutputStream();
                out.write(flood);
                sockets.here.shutdownOutput();
                Strands.yield();
            }, () -> sockets.there.getInputStream().transferTo(OutputStream.nullOutputStream()));
        }
    }

    @Test
    void shouldParkInTheAcceptOfAServerSocket() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            parks(() -> server.accept().close(),
                    () -> new Socket(server.getInetAddress(), server.getLocalPort()).close());
        }
    }

    @Test
    void shouldParkInSocketChannels() throws Exception {
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            AtomicReference<SocketChannel> accepted = new AtomicReference<>();
            AtomicReference<SocketChannel> connected = new AtomicReference<>();
            parks(() -> accepted.set(server.accept()),
                    () -> connected.set(SocketChannel.open(server.getLocalAddress())));
            try (SocketChannel here = accepted.get(); SocketChannel there = connected.get()) {
                parks(() -> here.read(ByteBuffer.allocate(1)),
                        () -> there.write(ByteBuffer.allocate(1)));
            }
        }
    }

    // -- processes --------------------------------------------------------------------------------

    @Test
    void shouldParkInTheWaitForAProcess() throws Exception {
        Process cat = new ProcessBuilder("cat").start();
        parks(cat::waitFor, () -> cat.getOutputStream().close());
    }

    @Test
    void shouldParkInTheWaitForAProcessForATime() throws Exception {
        Process cat = new ProcessBuilder("cat").start();
        parks(() -> cat.waitFor(1, TimeUnit.HOURS), () -> cat.getOutputStream().close());
    }

    // -- virtual threads --------------------------------------------------------------------------

    @Test
    void shouldMakeStrandsOfTheVirtualThreadsOfAStrand() {
        Support.onlyMounted();
        AtomicReference<Strand> started = new AtomicReference<>();
        AtomicReference<Strand> submitted = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            Strand parent = crew.spawn("parent", () -> {
                Support.startVirtualThread(() -> started.set(Strands.current())).join();
                ExecutorService executor = (ExecutorService) Executors.class
                        .getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
                submitted.set(executor.submit(Strands::current).get());
                executor.shutdown();
            });
            crew.run();
            assertSame(crew.scheduler, started.get().scheduler);
            assertSame(crew.scheduler, submitted.get().scheduler);
            assertNotSame(parent, started.get());
            assertEquals(3, crew.scheduler.stats().finished());
        }
    }

    // -- what is a strand's own; on either engine -------------------------------------------------

    @Test
    void shouldHaveThreadLocalsOfItsOwn() {
        ThreadLocal<String> local = new ThreadLocal<>();
        try (Support.Crew crew = new Support.Crew()) {
            for (String name : new String[] {"A", "B", "C"}) {
                crew.spawn(name, () -> {
                    assertNull(local.get());
                    local.set(name);
                    Strands.yield();
                    assertEquals(name, local.get());
                });
            }
            crew.run();
        }
        assertNull(local.get());
    }

    @Test
    void shouldInheritThreadLocalsFromTheOneWhoSpawns() {
        InheritableThreadLocal<String> local = new InheritableThreadLocal<>();
        local.set("outside");
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("parent", () -> {
                assertEquals("outside", local.get());
                local.set("parent");
                Strand child = Strands.spawn(() -> {
                    assertEquals("parent", local.get());
                    local.set("child");
                });
                child.join();
                assertNull(child.failure());
                assertEquals("parent", local.get());
            });
            crew.run();
        }
        assertEquals("outside", local.get());
    }

    /** {@code java.lang.ScopedValue} of JDK 25, by reflection. */
    private record Scoped(Class<?> type, Object key) {
        static Scoped create() throws ReflectiveOperationException {
            assumeTrue(Runtime.version().feature() >= 25, "ScopedValue is of JDK 25");
            Class<?> type = Class.forName("java.lang.ScopedValue");
            return new Scoped(type, type.getMethod("newInstance").invoke(null));
        }

        void with(String value, Support.Body body) throws ReflectiveOperationException {
            Object binding = type.getMethod("where", type, Object.class).invoke(null, key, value);
            binding.getClass().getMethod("run", Runnable.class)
                    .invoke(binding, Support.body(body));
        }

        boolean isBound() throws ReflectiveOperationException {
            return (boolean) type.getMethod("isBound").invoke(key);
        }

        Object get() throws ReflectiveOperationException {
            return type.getMethod("get").invoke(key);
        }
    }

    @Test
    void shouldHaveScopedValuesOfItsOwn() throws Exception {
        Scoped scoped = Scoped.create();
        try (Support.Crew crew = new Support.Crew()) {
            for (String name : new String[] {"A", "B", "C"}) {
                crew.spawn(name, () -> {
                    scoped.with(name, () -> {
                        Strands.yield();
                        assertEquals(name, scoped.get());
                    });
                    assertFalse(scoped.isBound());
                });
            }
            crew.run();
        }
    }

    /** As a plain thread's: only a structured scope hands them on. */
    @Test
    void shouldNotInheritScopedValues() throws Exception {
        Scoped scoped = Scoped.create();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("parent", () -> scoped.with("parent", () -> {
                Strand child = Strands.spawn(Support.body(() -> assertFalse(scoped.isBound())));
                child.join();
                assertNull(child.failure());
            }));
            crew.run();
        }
    }
}
