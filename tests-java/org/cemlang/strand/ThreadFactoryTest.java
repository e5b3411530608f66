// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.reflect.Method;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@link Scheduler#threadFactory}. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class ThreadFactoryTest {
    @Test
    void shouldSayWhyThereIsNoneOnTheBaton() {
        assumeFalse(Support.mounted(), "the mounted engine");
        try (Scheduler scheduler = Scheduler.open()) {
            Throwable thrown = assertThrows(
                    UnsupportedOperationException.class, scheduler::threadFactory);
            assertTrue(thrown.getMessage().contains("baton: "), thrown.getMessage());
        }
    }

    @Test
    void shouldMakeAStrandOfAThreadThatIsStarted() throws Exception {
        Support.onlyMounted();
        AtomicReference<Strand> strand = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            Thread thread = scheduler.threadFactory().newThread(() -> strand.set(Strands.current()));
            assertEquals(0, scheduler.stats().live());      // none before it is started
            assertEquals(Thread.State.NEW, thread.getState());
            thread.setName("factory's");
            thread.start();
            assertEquals(1, scheduler.stats().live());
            scheduler.run();
            thread.join();
            assertSame(scheduler, strand.get().scheduler);
            assertEquals("factory's", strand.get().name());
            assertTrue(strand.get().isDone());
        }
    }

    @Test
    void shouldTakeTurnsWithTheOthers() {
        Support.onlyMounted();
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            Runnable twice = () -> {
                order.append("thread ");
                Strands.yield();
                order.append("thread ");
            };
            Thread thread = crew.scheduler.threadFactory().newThread(twice);
            crew.spawn("strand", () -> {
                order.append("strand ");
                thread.join();
                order.append("strand");
            });
            thread.start();
            crew.run();
        }
        assertEquals("strand thread thread strand", order.toString());
    }

    @Test
    void shouldKeepTheFailure() {
        Support.onlyMounted();
        IllegalStateException bad = new IllegalStateException("bad");
        AtomicReference<Strand> strand = new AtomicReference<>();
        AtomicReference<Throwable> handled = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            Thread thread = scheduler.threadFactory().newThread(() -> {
                strand.set(Strands.current());
                throw bad;
            });
            thread.setUncaughtExceptionHandler((t, e) -> handled.set(e));
            thread.start();
            scheduler.run();
            assertSame(bad, strand.get().failure());
            assertSame(bad, handled.get());
        }
    }

    @Test
    void shouldRefuseToStartWhereASpawnIsRefused() {
        Support.onlyMounted();
        try (Scheduler scheduler = Scheduler.open()) {
            scheduler.shutdownNow();
            Thread thread = scheduler.threadFactory().newThread(() -> { });
            assertThrows(RejectedExecutionException.class, thread::start);
            scheduler.run();
            assertEquals(0, scheduler.stats().spawned());
        }
    }

    @Test
    void shouldMakeStrandsOfWhatItsThreadsStart() {
        Support.onlyMounted();
        AtomicReference<Strand> child = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            scheduler.threadFactory().newThread(Support.body(() ->
                    Support.startVirtualThread(() -> child.set(Strands.current())))).start();
            scheduler.run();
            assertSame(scheduler, child.get().scheduler);
            assertEquals(2, scheduler.stats().finished());
            assertEquals(0, scheduler.children.size());
        }
    }

    /** As code does that knows nothing of strands. */
    @Test
    void shouldServeAThreadPerTaskExecutor() throws Exception {
        Support.onlyMounted();
        try (Scheduler scheduler = Scheduler.open()) {
            ExecutorService executor = (ExecutorService) Executors.class
                    .getMethod("newThreadPerTaskExecutor", ThreadFactory.class)
                    .invoke(null, scheduler.threadFactory());
            Future<Scheduler> task = executor.submit(() -> {
                LockSupport.parkNanos(1);
                return Strands.current().scheduler;
            });
            scheduler.run();
            assertSame(scheduler, task.get());
            executor.shutdown();
            assertTrue(executor.awaitTermination(30, TimeUnit.SECONDS));
        }
    }

    @Test
    void shouldServeAPoolOfThreads() throws Exception {
        Support.onlyMounted();
        try (Scheduler scheduler = Scheduler.open()) {
            ExecutorService pool = Executors.newFixedThreadPool(2, scheduler.threadFactory());
            CountDownLatch both = new CountDownLatch(2);
            Future<?> first = pool.submit(both::countDown);
            Future<?> second = pool.submit(both::countDown);
            Thread carrier = new Thread(scheduler::run);
            carrier.start();
            first.get();
            second.get();
            pool.shutdown();
            carrier.join();
            assertEquals(2, scheduler.stats().finished());
        }
    }

    // -- java.util.concurrent.StructuredTaskScope of JDK 25, a preview: by reflection -------------

    private static AutoCloseable openScope(Function<Object, Object> configuration) throws Exception {
        Class<?> joiner = Class.forName("java.util.concurrent.StructuredTaskScope$Joiner");
        Class<?> scope = Class.forName("java.util.concurrent.StructuredTaskScope");
        Object awaitAll = joiner.getMethod("awaitAllSuccessfulOrThrow").invoke(null);
        return (AutoCloseable) scope.getMethod("open", joiner, Function.class)
                .invoke(null, awaitAll, configuration);
    }

    private static void fork(Object scope, Callable<?> task) throws Exception {
        Class.forName("java.util.concurrent.StructuredTaskScope")
                .getMethod("fork", Callable.class).invoke(scope, task);
    }

    private static void join(Object scope) throws Exception {
        Method join = Class.forName("java.util.concurrent.StructuredTaskScope").getMethod("join");
        join.invoke(scope);
    }

    private static Object withFactory(Object configuration, ThreadFactory factory) {
        try {
            return Class.forName("java.util.concurrent.StructuredTaskScope$Configuration")
                    .getMethod("withThreadFactory", ThreadFactory.class)
                    .invoke(configuration, factory);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void assumeScopes() {
        Support.onlyMounted();
        assumeTrue(Runtime.version().feature() == 25, "StructuredTaskScope has this shape in JDK 25");
    }

    @Test
    void shouldServeAStructuredTaskScope() throws Exception {
        assumeScopes();
        try (Scheduler scheduler = Scheduler.open()) {
            AtomicReference<Strand> forked = new AtomicReference<>();
            Thread owner = new Thread(Support.body(() -> {
                try (AutoCloseable scope =
                        openScope(plain -> withFactory(plain, scheduler.threadFactory()))) {
                    fork(scope, () -> {
                        forked.set(Strands.current());
                        return null;
                    });
                    join(scope);
                }
            }));
            ExecutorService open = scheduler.newExecutor();     // so that it runs until then
            Thread carrier = new Thread(scheduler::run);
            carrier.start();
            owner.start();
            owner.join();
            open.shutdown();
            carrier.join();
            assertSame(scheduler, forked.get().scheduler);
        }
    }

    /** In a strand no factory is needed. */
    @Test
    void shouldParkAStrandInAStructuredTaskScope() {
        assumeScopes();
        StringBuilder order = new StringBuilder();
        AtomicReference<Strand> forked = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            Strand owner = crew.spawn("owner", () -> {
                try (AutoCloseable scope = openScope(Function.identity())) {
                    fork(scope, () -> {
                        forked.set(Strands.current());
                        Strands.yield();
                        order.append("forked ");
                        return null;
                    });
                    join(scope);
                    order.append("joined");
                }
            });
            crew.spawn("other", () -> order.append("other "));
            crew.run();
            assertSame(crew.scheduler, forked.get().scheduler);
            assertNotSame(owner, forked.get());
            assertNull(owner.failure());
        }
        assertEquals("other forked joined", order.toString());
    }
}
