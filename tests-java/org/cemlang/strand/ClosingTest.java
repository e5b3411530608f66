// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Close: from a strand, another thread, another scheduler, and while nothing runs. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class ClosingTest {
    private static void expectClosed(Support.Body body) {
        AsynchronousCloseException closed =
                assertThrows(AsynchronousCloseException.class, body::run);
        assertTrue(closed.getMessage().endsWith("closed"), closed.getMessage());
    }

    /** Runs strands that wait for this closing, which a thread does once they do. */
    private static void closeFromAThread(Support.Crew crew, int waiting, Support.Body close)
            throws Exception {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread closer = new Thread(() -> {
            try {
                Support.until(() -> crew.scheduler.stats().parked() == waiting);
                close.run();
            } catch (Throwable failed) {
                thrown.set(failed);
            }
        });
        closer.start();
        crew.run();
        closer.join();
        assertNull(thrown.get());
    }

    @Test
    void shouldWakeAReaderAndAWriterFromAnotherThread() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pair> pair = new AtomicReference<>();
            crew.spawn("reader", () -> {
                pair.set(Support.Pair.open());
                pair.get().here().timeout(Duration.ofSeconds(1));     // of the close, too
                expectClosed(() -> pair.get().here().readLine());
                expectClosed(() -> pair.get().here().readLine());
            });
            crew.spawn("second reader", () -> {
                while (pair.get() == null) {
                    Strands.yield();
                }
                expectClosed(() -> pair.get().here().readLine());
            });
            crew.spawn("other end", () -> {
                while (pair.get() == null) {
                    Strands.yield();
                }
                assertNull(pair.get().there().readLine());
            });
            closeFromAThread(crew, 3, () -> pair.get().here().close());
        }
    }

    @Test
    void shouldWakeAFullWriterFromAnotherStrand() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<LineStream> out = new AtomicReference<>();
            crew.spawn("writer", () -> {
                LineStream full = Support.Pipe.open().out();
                full.writeLine(Support.flood());
                full.timeout(Duration.ofMillis(20));
                out.set(full);
                full.timeout(Duration.ZERO);
                expectClosed(() -> full.writeLine("no room"));
            });
            crew.spawn("closer", () -> {
                out.get().timeout(Duration.ofMillis(1));
                assertThrows(java.net.SocketTimeoutException.class, () -> out.get().close());
            });
            crew.run();
        }
    }

    @Test
    void shouldWakeAcceptFromAnotherThread() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<LineServer> server = new AtomicReference<>();
            crew.spawn("acceptor", () -> {
                server.set(LineServer.listen("127.0.0.1:0"));
                expectClosed(() -> server.get().accept());
                expectClosed(() -> server.get().accept());
            });
            closeFromAThread(crew, 1, () -> server.get().close());
        }
    }

    @Test
    void shouldCloseFromAnotherSchedulersStrand() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("reader", () -> {
                pipe.set(Support.Pipe.open());
                expectClosed(() -> pipe.get().in().readLine());
            });
            closeFromAThread(crew, 1, () -> Support.inStrand(() -> {
                pipe.get().in().close();
                return true;
            }));
        }
    }

    @Test
    void shouldSendWhatWasAcceptedWhenClosedFromAThread() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("writer", () -> {
                pipe.set(Support.Pipe.open());
                pipe.get().out().writeLine(Support.flood());
            });
            crew.spawn("reader", () -> {
                while (crew.scheduler.stats().spawned() < 3) {
                    Strands.sleep(Duration.ofMillis(1));     // until the closer has come
                }
                assertThrows(LineTooLongException.class, () -> pipe.get().in().readLine());
                assertNull(pipe.get().in().readLine());
            });
            closeFromAThread(crew, 1, () -> pipe.get().out().close());
            assertEquals(16 << 20, crew.scheduler.stats().bytesOut() - 1);
        }
    }

    @Test
    void shouldTellTheThreadWhatWasLost() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("writer", () -> {
                pipe.set(Support.Pipe.open());
                pipe.get().in().close();
                pipe.get().out().writeLine("to nobody");
                Strands.sleep(Duration.ofNanos(1));
            });
            crew.run();
            IOException broken = assertThrows(IOException.class, () -> pipe.get().out().close());
            assertTrue(broken.getMessage().contains("descriptor"), broken.getMessage());
            pipe.get().out().close();
        }
    }

    @Test
    void shouldCloseAtOnceWhileNothingRuns() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("opener", () -> {
                pipe.set(Support.Pipe.open());
                pipe.get().out().writeLine("for later");
            });
            crew.run();
            assertThrowsNothing(() -> pipe.get().out().close());
            crew.spawn("reader", () -> {
                assertEquals("for later", pipe.get().in().readLine());
                assertNull(pipe.get().in().readLine());
                expectClosed(() -> pipe.get().out().writeLine("closed"));
            });
            crew.run();
            assertEquals(2, crew.scheduler.stats().spawned());
        }
    }

    @Test
    void shouldLetTheRestGoOutInTheNextRun() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("opener", () -> {
                pipe.set(Support.Pipe.open());
                crew.scheduler.stop();     // so that the run does not wait for what is unsent
                pipe.get().out().writeLine(Support.flood());
            });
            crew.run();
            assertThrowsNothing(() -> pipe.get().out().close());
            crew.spawn("reader", () -> {
                assertThrows(LineTooLongException.class, () -> pipe.get().in().readLine());
                assertNull(pipe.get().in().readLine());
            });
            crew.run();
            assertEquals(16 << 20, crew.scheduler.stats().bytesOut() - 1);
        }
    }

    /**
     * Has a strand of another scheduler close a pipe's output, whose reader is to see the end. The
     * pipe's carrier is held meanwhile, so that the close has to wait.
     */
    private static void closeFromAfar(Consumer<LineStream> inStrand) throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            AtomicBoolean returned = new AtomicBoolean();
            crew.spawn("reader", () -> {
                pipe.set(Support.Pipe.open());
                pipe.get().in().timeout(Duration.ofSeconds(10));
                assertNull(pipe.get().in().readLine());
            });
            crew.spawn("holder", () -> Support.until(returned::get));
            closeFromAThread(crew, 1, () -> Support.inStrand(() -> {
                inStrand.accept(pipe.get().out());
                return returned.compareAndSet(false, true);
            }));
        }
    }

    @Test
    void shouldCloseFromAfarThoughInterrupted() throws Exception {
        closeFromAfar(out -> {
            Thread.currentThread().interrupt();
            assertThrowsNothing(out::close);
            assertTrue(Thread.interrupted());
        });
    }

    @Test
    void shouldCloseFromAfarThoughCanceled() throws Exception {
        closeFromAfar(out -> {
            Objects.requireNonNull(Strands.current()).cancel();
            assertThrows(CancellationException.class, out::close);
        });
    }

    @Test
    void shouldGoOnWithACloseThatNobodyWaitsFor() {
        CountDownLatch left = new CountDownLatch(1);
        AtomicBoolean closed = new AtomicBoolean();
        Runnable closing = Support.body(() -> {
            left.await();
            closed.set(true);
        });
        try (Scheduler other = Scheduler.open()) {
            Support.inStrand(() -> {
                Thread.currentThread().interrupt();
                Elsewhere.close(other, closing::run, closing::run);
                assertTrue(Thread.interrupted());
                left.countDown();
                Support.until(closed::get);
                return true;
            });
        }
    }

    /** Whether the thread has met its fate, of those of a close that finds no room for a strand. */
    private static boolean waitsOrHasEnded(Thread thread) {
        return thread.getState() == Thread.State.TIMED_WAITING || !thread.isAlive();
    }

    @Test
    void shouldCloseOnceThereIsRoomForAStrand() throws Exception {
        try (Support.Crew crew = new Support.Crew(new Scheduler.Options().maxStrands(2))) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            Thread closer = new Thread(Support.body(() -> pipe.get().out().close()));
            crew.spawn("reader", () -> {
                pipe.set(Support.Pipe.open());
                pipe.get().in().timeout(Duration.ofSeconds(10));
                assertNull(pipe.get().in().readLine());
            });
            crew.spawn("second", () -> {
                closer.start();
                Support.until(() -> waitsOrHasEnded(closer));
            });
            crew.run();
            closer.join();
            assertEquals(3, crew.scheduler.stats().spawned());
        }
    }

    @Test
    void shouldCloseOnceAStopIsOver() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            Thread closer = new Thread(Support.body(() -> pipe.get().out().close()));
            crew.spawn("stopper", () -> {
                pipe.set(Support.Pipe.open());
                crew.scheduler.stop();
                closer.start();
                Support.until(() -> waitsOrHasEnded(closer));
            });
            crew.run();
            closer.join();
            crew.spawn("reader", () -> {
                pipe.get().in().timeout(Duration.ofSeconds(10));
                assertNull(pipe.get().in().readLine());
            });
            crew.run();
        }
    }

    @Test
    void shouldDoNothingOnceTheSchedulerIsClosed() {
        LineStream[] left = new LineStream[1];
        LineServer[] server = new LineServer[1];
        Support.inStrand(() -> {
            left[0] = Support.Pipe.open().in();
            server[0] = LineServer.listen("127.0.0.1:0");
            return true;
        });
        assertThrowsNothing(left[0]::close);
        assertThrowsNothing(server[0]::close);
    }

    private static void assertThrowsNothing(Support.Body body) {
        Support.body(body).run();
    }

    /** The run ends what is left, or the closing does; whoever comes second is not in the way. */
    @Test
    void shouldCloseBesideARunThatJustBegins() throws Exception {
        for (int i = 0; i < 1_000; i++) {
            Scheduler scheduler = Scheduler.open();
            Strand strand = scheduler.spawn(Support.body(() -> Strands.sleep(Duration.ofDays(1))));
            CyclicBarrier both = new CyclicBarrier(2);
            AtomicReference<Throwable> thrown = new AtomicReference<>();
            Thread runner = new Thread(() -> {
                try {
                    both.await();
                    scheduler.run();
                } catch (IllegalStateException closed) {
                    // It came too late.
                } catch (Throwable failed) {
                    thrown.set(failed);
                }
            });
            runner.start();
            both.await();
            scheduler.close();
            runner.join();
            assertNull(thrown.get());
            assertTrue(strand.isDone());
        }
    }
}
