// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@link LineStream#of(Process)}, on either engine, and the half close that goes with it. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class ProcessLinesTest {
    private static Process start(String... command) throws IOException {
        return Strands.current() == null ? new ProcessBuilder(command).start()
                : startElsewhere(command);
    }

    private static Process startElsewhere(String... command) throws IOException {
        try {
            return Strands.blocking(() -> new ProcessBuilder(command).start());
        } catch (IOException | RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void shouldTalkToAProcess() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("talks", () -> {
                Process cat = start("cat");
                try (LineStream lines = LineStream.of(cat)) {
                    for (int i = 0; i < 100; i++) {
                        lines.writeLine("line " + i);
                        lines.flush();
                        assertEquals("line " + i, lines.readLine());
                    }
                    lines.shutdownOutput();
                    assertNull(lines.readLine());
                }
                assertEquals(0, (int) Strands.blocking(cat::waitFor));
            });
            crew.run();
        }
    }

    @Test
    void shouldParkTheStrandWhileTheProcessIsSilent() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("reader", () -> {
                LineStream lines = LineStream.of(start("sh", "-c", "read go; echo $go"));
                Strands.spawn("writer", Support.body(() -> {
                    order.append("meanwhile ");
                    lines.writeLine("answer");
                    lines.flush();
                }));
                order.append("waits ").append(lines.readLine());
                lines.close();
            });
            crew.run();
        }
        assertEquals("waits meanwhile answer", order.toString());
    }

    @Test
    void shouldEndTheInputOfAProcess() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("sorts", () -> {
                try (LineStream lines = LineStream.of(start("sort"))) {
                    lines.writeLine("b");
                    lines.writeLine("a");
                    lines.shutdownOutput();
                    assertEquals("a", lines.readLine());
                    assertEquals("b", lines.readLine());
                    assertNull(lines.readLine());
                    assertThrows(AsynchronousCloseException.class, () -> lines.writeLine("c"));
                }
            });
            crew.run();
        }
    }

    /** The JDK has taken what was in the pipe by then. */
    @Test
    void shouldHaveWhatAnEndedProcessHasWritten() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("reader", () -> {
                Process ended = start("sh", "-c", "echo one; echo two");
                Strands.blocking(ended::waitFor);
                Strands.blocking(() -> {
                    Support.until(() -> isTaken(ended));     // a little after the exit
                    return null;
                });
                try (LineStream lines = LineStream.of(ended)) {
                    assertEquals("one", lines.readLine());
                    assertEquals("two", lines.readLine());
                    assertNull(lines.readLine());
                    Throwable thrown = assertThrows(IOException.class, () -> lines.writeLine(""));
                    assertTrue(thrown.getMessage().contains("has ended"), thrown.getMessage());
                }
                try (LineStream again = LineStream.of(start("true"))) {
                    assertNull(again.readLine());
                }
            });
            crew.run();
        }
    }

    /** Writing fails once the JDK has let go of the pipe. */
    private static boolean isTaken(Process ended) throws IOException {
        try {
            ended.getOutputStream().write(1);
            ended.getOutputStream().flush();
            return false;
        } catch (IOException taken) {
            return taken.getMessage().equals("Stream closed");
        }
    }

    @Test
    void shouldTakeOverTheJdksStreams() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("takes over", () -> {
                Process cat = start("cat");
                try (LineStream lines = LineStream.of(cat)) {
                    assertEquals(-1, cat.getInputStream().read());
                    assertThrows(IOException.class, () -> {
                        cat.getOutputStream().write(1);
                        cat.getOutputStream().flush();
                    });
                    lines.writeLine("still there");
                    lines.flush();
                    assertEquals("still there", lines.readLine());
                }
                Strands.blocking(cat::waitFor);
            });
            crew.run();
        }
    }

    @Test
    void shouldGiveBackEveryDescriptor() throws Exception {
        long before = descriptors();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("many", () -> {
                for (int i = 0; i < 10; i++) {
                    Process cat = start("cat");
                    try (LineStream lines = LineStream.of(cat)) {
                        lines.writeLine("x");
                    }
                    cat.getErrorStream().close();
                    Strands.blocking(cat::waitFor);
                }
            });
            crew.run();
        }
        Support.until(() -> descriptors() <= before + 3);
    }

    private static long descriptors() throws Exception {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    @Test
    void shouldSayWhatItCannotRead() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("refused", () -> {
                Process mute = Strands.blocking(() -> new ProcessBuilder("cat")
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD).start());
                Throwable thrown = assertThrows(IOException.class, () -> LineStream.of(mute));
                assertTrue(thrown.getMessage().contains("output of process " + mute.pid()),
                        thrown.getMessage());
                Process closed = start("sleep", "600");    // cat would end, and that is no refusal
                closed.getOutputStream().close();
                thrown = assertThrows(IOException.class, () -> LineStream.of(closed));
                assertTrue(thrown.getMessage().contains("input of process"), thrown.getMessage());
                Process read = start("sh", "-c", "echo two lines; echo of text; read wait");
                assertEquals('t', Strands.blocking(() -> read.getInputStream().read()));
                assertThrows(IllegalStateException.class, () -> LineStream.of(read));
                assertEquals('w', read.getInputStream().read());      // it is left as it was
                for (Process process : new Process[] {mute, closed, read}) {
                    process.destroy();
                }
            });
            crew.run();
        }
    }

    @Test
    void shouldTakeNothingFromAProcessThatItRefuses() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("refused", () -> {
                Process echo = Strands.blocking(() -> new ProcessBuilder("echo", "kept")
                        .redirectInput(Path.of("/dev/null").toFile()).start());
                assertThrows(IOException.class, () -> LineStream.of(echo));
                assertEquals("kept\n", new String(Strands.blocking(
                        echo.getInputStream()::readAllBytes)));
            });
            crew.run();
        }
    }

    @Test
    void shouldFlushToAProcessWhenClosedFromOutside() throws Exception {
        Process cat = new ProcessBuilder("cat").start();
        try (Support.Crew crew = new Support.Crew()) {
            LineStream[] lines = new LineStream[1];
            crew.spawn("writer", () -> {
                lines[0] = LineStream.of(cat);
                lines[0].timeout(Duration.ofSeconds(60));
                lines[0].writeLine("x");
            });
            crew.run();
            lines[0].close();
            lines[0].close();
        }
        assertTrue(cat.waitFor() >= 0);      // its input has ended
    }

    @Test
    void shouldShutDownTheOutputOfAConnection() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("both ends", () -> {
                Support.Pair pair = Support.Pair.open();
                try (LineStream here = pair.here(); LineStream there = pair.there()) {
                    here.writeLine("last");
                    here.shutdownOutput();
                    assertEquals("last", there.readLine());
                    assertNull(there.readLine());
                    there.writeLine("still");
                    there.flush();
                    assertEquals("still", here.readLine());
                    assertThrows(IOException.class, () -> here.writeLine("too late"));
                }
            });
            crew.run();
        }
    }

    @Test
    void shouldRefuseToShutDownTheOutputOfAPipe() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("both ends", () -> {
                Support.Pipe pipe = Support.Pipe.open();
                try (LineStream out = pipe.out(); LineStream in = pipe.in()) {
                    assertThrows(IOException.class, out::shutdownOutput);
                    out.writeLine("still open");
                    out.flush();
                    assertEquals("still open", in.readLine());
                }
            });
            crew.run();
        }
    }
}
