// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class LineStreamTest {
    private static ByteBuffer bytes(String latin1) {
        return ByteBuffer.wrap(latin1.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** What readLine makes of these bytes, with how each line ended. */
    private static List<String> linesOf(String latin1) {
        return Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            pipe.out().write(bytes(latin1));
            pipe.out().close();
            List<String> lines = new ArrayList<>();
            String line;
            while ((line = pipe.in().readLine()) != null) {
                lines.add(line + "|" + pipe.in().ending());
            }
            assertNull(pipe.in().readLine());
            pipe.in().close();
            return lines;
        });
    }

    @Test
    void shouldTakeTheEndingOffAndTellIt() {
        assertEquals(List.of("one|LF", "two|CRLF", "|LF", "a\rb|LF", "\r|CRLF", "last|NONE"),
                linesOf("one\ntwo\r\n\na\rb\n\r\r\nlast"));
    }

    @Test
    void shouldFindNoLineInEmptyInput() {
        assertEquals(List.of(), linesOf(""));
    }

    @Test
    void shouldKeepNulBytesAndALoneReturnAtTheEnd() {
        assertEquals(List.of("a\0b|LF", "c\r|NONE"), linesOf("a\0b\nc\r"));
    }

    @Test
    void shouldReplaceWhatIsNoUtf8() {
        assertEquals(List.of("\uFFFD\uFFFD|LF", "\u00E9|LF", "\uFFFD(|LF"),
                linesOf("\u00FF\u00FE\n\u00C3\u00A9\n\u00C3(\n"));
    }

    @Test
    void shouldWriteTextAsUtf8() {
        String text = "gr\u00FC\u00DFe \u65E5\u672C \uD83D\uDE00";
        assertEquals(text, Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            pipe.out().writeLine(new StringBuilder(text));
            pipe.out().close();
            String line = pipe.in().readLine();
            pipe.in().close();
            return line;
        }));
    }

    @Test
    void shouldGiveBackExactBytes() {
        byte[] line = new byte[256];
        for (int i = 0; i < 256; i++) {
            line[i] = (byte) (i == '\n' ? 'n' : i);
        }
        for (boolean direct : new boolean[] {false, true}) {
            ByteBuffer from = direct ? ByteBuffer.allocateDirect(300) : ByteBuffer.allocate(300);
            from.position(10);
            from.put(line).flip().position(10);
            byte[] back = Support.inStrand(() -> {
                Support.Pipe pipe = Support.Pipe.open();
                pipe.out().writeLine(from);
                assertEquals(0, from.remaining());
                pipe.out().close();
                ByteBuffer into = direct ? ByteBuffer.allocateDirect(256) : ByteBuffer.allocate(256);
                assertEquals(256, pipe.in().readLine(into));
                assertEquals(LineStream.Ending.LF, pipe.in().ending());
                assertEquals(-1, pipe.in().readLine(into.clear()));
                pipe.in().close();
                byte[] got = new byte[256];
                into.get(got);
                return got;
            });
            assertArrayEquals(line, back);
        }
    }

    @Test
    void shouldWriteAReadOnlyBuffer() {
        assertEquals("text", Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            pipe.out().writeLine(bytes("text").asReadOnlyBuffer());
            pipe.out().close();
            return pipe.in().readLine();
        }));
    }

    @Test
    void shouldKeepALineThatDidNotFitTheBuffer() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            pipe.out().writeLine("0123456789");
            pipe.out().writeLine("next");
            pipe.out().close();
            ByteBuffer small = ByteBuffer.allocate(4);
            assertThrows(BufferOverflowException.class, () -> pipe.in().readLine(small));
            assertThrows(BufferOverflowException.class, () -> pipe.in().readLine(small));
            assertEquals(0, small.position());
            assertEquals("0123456789", pipe.in().readLine());
            assertEquals(4, pipe.in().readLine(small));
            pipe.in().close();
            return true;
        });
    }

    @Test
    void shouldKeepTheLinesOfTwoReadersWhoseBuffersAreSmall() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("opener", () -> pipe.set(Support.Pipe.open()));
            for (String name : List.of("A", "B")) {
                crew.spawn(name, () -> {
                    LineStream in = pipe.get().in();
                    assertThrows(BufferOverflowException.class,
                            () -> in.readLine(ByteBuffer.allocate(1)));
                    Strands.yield();
                    order.append(name).append(in.readLine()).append(in.ending()).append(' ');
                });
            }
            crew.spawn("writer", () -> {
                pipe.get().out().write(bytes("one\ntwo\r\n"));
                pipe.get().out().close();
            });
            crew.run();
        }
        assertEquals("AoneLF BtwoCRLF ", order.toString());
    }

    @Test
    void shouldLetOthersGoFirstAfterAThousandLinesOfAFlood() {
        int[] taken = new int[1];
        List<Integer> seen = new ArrayList<>();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("reader", () -> {
                Support.Pipe pipe = Support.Pipe.open();
                pipe.out().write("x\n".repeat(5000));
                pipe.out().close();
                while (pipe.in().readLine() != null) {
                    taken[0]++;
                }
                pipe.in().close();
            });
            crew.spawn("other", () -> {
                while (taken[0] < 5000) {
                    seen.add(taken[0]);
                    Strands.yield();
                }
            });
            crew.run();
        }
        assertEquals(5000, taken[0]);
        for (int turn = 1; turn < seen.size(); turn++) {
            assertTrue(seen.get(turn) - seen.get(turn - 1) <= 1024, seen.toString());
        }
        assertTrue(seen.size() >= 4, seen.toString());
    }

    @Test
    void shouldRefuseAnOverlongLineOnceAndGoOn() {
        int limit = 1 << 20;
        Support.Crew crew = new Support.Crew();
        try (crew) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("writer", () -> {
                pipe.set(Support.Pipe.open());
                for (int length : new int[] {limit, limit + 1, 5}) {
                    byte[] line = new byte[length];
                    Arrays.fill(line, (byte) 'x');
                    pipe.get().out().writeLine(ByteBuffer.wrap(line));
                }
                pipe.get().out().close();
            });
            crew.spawn("reader", () -> {
                LineStream in = pipe.get().in();
                assertEquals(limit, in.readLine().length());
                assertThrows(LineTooLongException.class, in::readLine);
                assertEquals("xxxxx", in.readLine());
                assertNull(in.readLine());
                in.close();
            });
            crew.run();
            assertEquals(1, crew.scheduler.stats().overlongLines());
        }
    }

    @Test
    void shouldTakeAnotherLimitForTheLinesThatFollow() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("both", () -> {
                Support.Pipe pipe = Support.Pipe.open();
                try (LineStream out = pipe.out(); LineStream in = pipe.in()) {
                    for (String line : new String[] {"12345", "123", "1234", "1234"}) {
                        out.writeLine(line);
                    }
                    out.flush();
                    assertEquals("12345", in.readLine());
                    in.maxLineBytes(3);
                    assertEquals("123", in.readLine());
                    assertThrows(LineTooLongException.class, in::readLine);
                    in.maxLineBytes(0);
                    assertEquals("1234", in.readLine());
                    assertThrows(IllegalArgumentException.class, () -> in.maxLineBytes(-1));
                }
            });
            crew.run();
        }
    }

    @Test
    void shouldParkAWriterUntilThereIsRoom() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            StringBuilder order = new StringBuilder();
            crew.spawn("writer", () -> {
                pipe.set(Support.Pipe.open());
                byte[] block = new byte[1 << 20];
                pipe.get().out().writeLine(ByteBuffer.wrap(block));
                pipe.get().out().writeLine(ByteBuffer.wrap(block));
                order.append("written ");
                pipe.get().out().close();
            });
            crew.spawn("reader", () -> {
                order.append("reading ");
                ByteBuffer into = ByteBuffer.allocate(1 << 20);
                assertEquals(1 << 20, pipe.get().in().readLine(into));
                assertEquals(1 << 20, pipe.get().in().readLine(into.clear()));
                assertEquals(-1, pipe.get().in().readLine(into.clear()));
            });
            crew.run();
            assertEquals("reading written ", order.toString());
        }
    }

    /** Asks where a strand cannot park: on the mounted engine it then waits in place. */
    private static final class Asked {
        static int port;

        static final class InItsInitializer {
            static final String ANSWER = ask();

            private static String ask() {
                try (LineStream peer = LineStream.connect("127.0.0.1:" + port)) {
                    peer.writeLine("ping");
                    return String.valueOf(peer.readLine());
                } catch (IOException e) {
                    return e.toString();
                }
            }
        }
    }

    @Test
    void shouldSendWhatIsWrittenBeforeItWaitsInPlace() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Asked.port = server.getLocalPort();
            Thread echo = new Thread(() -> {
                try (Socket peer = server.accept()) {
                    peer.getInputStream().transferTo(peer.getOutputStream());
                } catch (IOException e) {
                    // the strand then finds no answer
                }
            });
            echo.start();
            assertEquals("ping", Support.inStrand(() -> Asked.InItsInitializer.ANSWER));
            echo.join();
        }
    }

    @Test
    void shouldReadTwoReadersOneAfterTheOther() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("opener", () -> pipe.set(Support.Pipe.open()));
            for (String name : List.of("A", "B")) {
                crew.spawn(name, () -> {
                    String line = pipe.get().in().readLine();
                    order.append(name).append(line);
                });
            }
            crew.spawn("writer", () -> {
                pipe.get().out().writeLine("1");
                pipe.get().out().writeLine("2");
                pipe.get().out().flush();
            });
            crew.run();
        }
        assertEquals("A1B2", order.toString());
    }

    @Test
    void shouldTimeOutAndWorkAgain() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            pipe.in().timeout(Duration.ofMillis(5));
            SocketTimeoutException late =
                    assertThrows(SocketTimeoutException.class, pipe.in()::readLine);
            assertTrue(late.getMessage().contains("descriptor"), late.getMessage());
            pipe.in().timeout(Duration.ZERO);
            pipe.out().writeLine("late");
            assertEquals("late", pipe.in().readLine());
            return true;
        });
    }

    @Test
    void shouldEndAReadByInterruptAndLetTheNextOneIn() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            AtomicReference<Thread> thread = new AtomicReference<>();
            StringBuilder order = new StringBuilder();
            crew.spawn("interrupted", () -> {
                pipe.set(Support.Pipe.open());
                thread.set(Thread.currentThread());
                assertThrows(InterruptedIOException.class, () -> pipe.get().in().readLine());
                assertFalse(Thread.currentThread().isInterrupted());
                order.append("interrupted ");
                pipe.get().out().writeLine("for the other");
            });
            crew.spawn("next", () -> order.append(pipe.get().in().readLine()));
            Thread interrupter = new Thread(Support.body(() -> {
                Support.until(() -> crew.scheduler.stats().parked() == 2);
                thread.get().interrupt();
            }));
            interrupter.start();
            crew.run();
            interrupter.join();
            assertEquals("interrupted for the other", order.toString());
        }
    }

    @Test
    void shouldEndAReadByCancel() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            Strand reader = crew.spawn("reader", () -> {
                pipe.set(Support.Pipe.open());
                assertThrows(InterruptedIOException.class, () -> pipe.get().in().readLine());
            });
            crew.spawn("canceler", reader::cancel);
            crew.run();
        }
    }

    @Test
    void shouldWakeWhoWaitsOnAStreamThatIsClosed() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("reader", () -> {
                pipe.set(Support.Pipe.open());
                LineStream in = pipe.get().in();
                IOException closed = assertThrows(IOException.class, in::readLine);
                assertTrue(closed.getMessage().endsWith("closed"), closed.getMessage());
                assertThrows(IOException.class, in::readLine);     // and ever after
            });
            crew.spawn("closer", () -> {
                pipe.get().in().close();
                pipe.get().in().close();     // twice does no harm
            });
            crew.run();
        }
    }

    @Test
    void shouldReportABrokenPipeAndNotDieOfIt() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            pipe.in().close();
            pipe.out().writeLine("to nobody");
            IOException broken = assertThrows(IOException.class, pipe.out()::flush);
            assertTrue(broken.getMessage().contains("descriptor"), broken.getMessage());
            return true;
        });
    }

    @Test
    void shouldRefuseStrangers() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("opener", () -> pipe.set(Support.Pipe.open()));
            crew.run();
            assertThrows(IllegalStateException.class, () -> pipe.get().in().readLine());
            Support.inStrand(() ->
                    assertThrows(IllegalStateException.class, () -> pipe.get().in().readLine()));
        }
    }

    @Test
    void shouldGiveAKeptLineToNobodyElseAndNotAfterClose() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("reader", () -> {
                pipe.set(Support.Pipe.open());
                pipe.get().out().writeLine("a line");
                assertThrows(BufferOverflowException.class,
                        () -> pipe.get().in().readLine(ByteBuffer.allocate(1)));
            });
            crew.run();
            assertThrows(IllegalStateException.class, () -> pipe.get().in().readLine());
            crew.spawn("closer", () -> {
                pipe.get().in().close();
                assertThrows(IOException.class, () -> pipe.get().in().readLine());
            });
            crew.run();
        }
    }

    @Test
    void shouldRefuseATimeoutOnceItsSchedulerIsClosed() {
        LineStream left = Support.inStrand(() -> Support.Pipe.open().in());
        assertThrows(IllegalStateException.class, () -> left.timeout(Duration.ZERO));
    }

    @Test
    void shouldLoseNoLineWhenInterruptedAfterItsShare() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            for (int i = 0; i <= 1_024; i++) {
                pipe.out().writeLine("" + i);
            }
            pipe.out().close();
            for (int i = 0; i < 1_024; i++) {
                assertEquals("" + i, pipe.in().readLine());
            }
            Thread.currentThread().interrupt();
            assertThrows(InterruptedIOException.class, () -> pipe.in().readLine());
            assertFalse(Thread.currentThread().isInterrupted());
            assertEquals("1024", pipe.in().readLine());
            assertNull(pipe.in().readLine());
            return true;
        });
    }

    @Test
    void shouldRefuseADescriptorThatIsNone() {
        Support.inStrand(() -> {
            IOException none = assertThrows(IOException.class, () -> LineStream.open(987_654));
            assertTrue(none.getMessage().contains("987654"), none.getMessage());
            return true;
        });
    }
}
