// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How each call that waits is ended from without: by time, interrupt, cancel and close. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class EndedWaitsTest {
    private static final Duration SHORT = Duration.ofMillis(5);
    private static final Duration HUGE = Duration.ofSeconds(Long.MAX_VALUE);

    /** A call that would wait for ever, in a strand; what it needs is made in that strand. */
    private interface Waiting {
        void run() throws Exception;
    }

    private interface Call {
        Waiting prepare(Duration patience) throws Exception;
    }

    private static Waiting reading(Duration patience) throws IOException {
        LineStream in = Support.Pipe.open().in();
        in.timeout(patience);
        return in::readLine;
    }

    /** On a pipe that is full; its reader goes afterwards, so that nothing is left to be sent. */
    private static Waiting full(Duration patience, Writing writing) throws IOException {
        Support.Pipe pipe = Support.Pipe.open();
        pipe.out().writeLine(Support.flood());
        pipe.out().timeout(patience);
        return () -> {
            try {
                writing.run(pipe.out());
            } finally {
                pipe.in().close();
            }
        };
    }

    private interface Writing {
        void run(LineStream out) throws IOException;
    }

    private static Waiting writing(Duration patience) throws IOException {
        return full(patience, out -> out.writeLine("no room"));
    }

    private static Waiting flushing(Duration patience) throws IOException {
        return full(patience, LineStream::flush);
    }

    private static Waiting accepting(Duration patience) throws IOException {
        LineServer server = LineServer.listen("127.0.0.1:0");
        server.timeout(patience);
        return server::accept;
    }

    private static final List<Call> CALLS = List.of(EndedWaitsTest::reading,
            EndedWaitsTest::writing, EndedWaitsTest::flushing, EndedWaitsTest::accepting);

    /** Nobody accepts there, and no more connections are taken. */
    private static ServerSocket fullServer(List<LineStream> waiting) throws Exception {
        ServerSocket server = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
        String address = "127.0.0.1:" + server.getLocalPort();
        for (int i = 0; i < 64; i++) {
            try {
                waiting.add(LineStream.connect(address, Duration.ofMillis(100)));
            } catch (SocketTimeoutException full) {
                return server;
            }
        }
        throw new AssertionError("never full");
    }

    private static Waiting connecting(Duration patience) throws Exception {
        ServerSocket full = fullServer(new ArrayList<>());
        return () -> {
            try (full) {
                LineStream.connect("127.0.0.1:" + full.getLocalPort(), patience);
            }
        };
    }

    // -- time -------------------------------------------------------------------------------------

    @Test
    void shouldEndEachWaitWhenItsTimeIsOver() {
        for (Call call : CALLS) {
            Support.inStrand(() -> assertThrows(SocketTimeoutException.class,
                    () -> call.prepare(SHORT).run()));
        }
        Support.inStrand(() -> assertThrows(SocketTimeoutException.class,
                () -> connecting(SHORT).run()));
    }

    @Test
    void shouldEndAWaitOfANanosecond() {
        for (Call call : CALLS) {
            Support.inStrand(() -> assertThrows(SocketTimeoutException.class,
                    () -> call.prepare(Duration.ofNanos(1)).run()));
        }
    }

    @Test
    void shouldEndAClosingWhoseOutputNobodyTakes() {
        Support.inStrand(() -> {
            LineStream out = Support.Pipe.open().out();
            out.writeLine(Support.flood());
            out.timeout(SHORT);
            assertThrows(SocketTimeoutException.class, out::close);
            out.close();     // is closed nevertheless
            return assertThrows(AsynchronousCloseException.class, () -> out.writeLine("more"));
        });
    }

    /** Zero and less are for ever, and so is what is too much to count: it waits, without polling. */
    @Test
    void shouldWaitForEverWithoutSpinning() throws Exception {
        for (Duration patience : List.of(Duration.ZERO, Duration.ofNanos(-1),
                Duration.ofSeconds(Long.MIN_VALUE), HUGE, Duration.ofNanos(Long.MAX_VALUE))) {
            for (Call call : CALLS) {
                assertEquals(InterruptedIOException.class, ended(call, patience, (scheduler, it) -> {
                    long polls = scheduler.stats().polls();
                    assertTrue(polls < 1_000, polls + " polls");
                    it.cancel();
                }).getSuperclass());
            }
        }
    }

    @Test
    void shouldKeepAReadersDeadlineWhenAnotherCallSetsItsOwn() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pair> pair = new AtomicReference<>();
            crew.spawn("reader", () -> {
                pair.set(Support.Pair.open());
                pair.get().here().timeout(Duration.ofMillis(50));
                assertThrows(SocketTimeoutException.class, () -> pair.get().here().readLine());
            });
            crew.spawn("writer", () -> {
                while (pair.get() == null || crew.scheduler.stats().parked() == 0) {
                    Strands.yield();
                }
                pair.get().here().timeout(Duration.ofHours(1));
                pair.get().here().writeLine("moves the deadline of the stream");
                pair.get().there().write("half a line");     // makes the reader look again
                pair.get().there().flush();
            });
            crew.run();
        }
    }

    // -- interrupt and cancel ---------------------------------------------------------------------

    /** What ends the call, when `end` is run on a thread while the strand waits in it. */
    private static Class<?> ended(Call call, Duration patience, BiConsumer<Scheduler, Strand> end)
            throws Exception {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        AtomicReference<Waiting> waiting = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            Strand strand = crew.spawn("waiting", () -> {
                Waiting prepared = call.prepare(patience);
                waiting.set(prepared);
                thrown.set(assertThrows(Exception.class, prepared::run));
                assertFalse(Thread.currentThread().isInterrupted());
                assertFalse(crew.scheduler.carrier.isInterrupted());
                Strands.sleep(Duration.ofNanos(1));     // nothing is left over
            });
            Thread ender = new Thread(Support.body(() -> {
                Support.until(() -> waiting.get() != null
                        && crew.scheduler.stats().parked() == 1);
                end.accept(crew.scheduler, strand);
            }));
            ender.start();
            crew.run();
            ender.join();
            assertFalse(Thread.currentThread().isInterrupted());
        }
        return thrown.get().getClass();
    }

    private static void interrupt(Scheduler scheduler, Strand strand) {
        (strand instanceof MountedStrand mounted ? mounted.thread : ((BatonStrand) strand).thread)
                .interrupt();
    }

    @Test
    void shouldEndEachWaitByInterrupt() throws Exception {
        for (Call call : CALLS) {
            assertEquals(InterruptedIOException.class,
                    ended(call, Duration.ZERO, EndedWaitsTest::interrupt));
        }
        assertEquals(InterruptedIOException.class,
                ended(EndedWaitsTest::connecting, Duration.ZERO, EndedWaitsTest::interrupt));
    }

    @Test
    void shouldEndEachWaitByCancel() throws Exception {
        List<Call> all = new ArrayList<>(CALLS);
        all.add(EndedWaitsTest::connecting);
        for (Call call : all) {
            assertEquals(InterruptedIOException.class, ended(call, Duration.ZERO,
                    (scheduler, strand) -> strand.cancel()).getSuperclass());
        }
    }

    @Test
    void shouldReportNoStrandThatEndsByACancelOfItsReading() {
        List<Throwable> reported = new ArrayList<>();
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> reported.add(thrown));
        try (Scheduler scheduler = Scheduler.open()) {
            Strand reader = scheduler.spawn(() -> {
                try {
                    Support.Pipe.open().in().readLine();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            scheduler.spawn(reader::cancel);
            scheduler.run();
            assertInstanceOf(UncheckedIOException.class, reader.failure());
            assertEquals(List.of(), reported);
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }

    @Test
    void shouldReadOnAfterAnInterruptedRead() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            pipe.out().write("half a ");
            Thread.currentThread().interrupt();
            assertThrows(InterruptedIOException.class, pipe.in()::readLine);
            pipe.out().writeLine("line");
            assertEquals("half a line", pipe.in().readLine());
            pipe.out().close();
            assertNull(pipe.in().readLine());
            return true;
        });
    }
}
