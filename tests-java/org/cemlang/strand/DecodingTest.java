// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Bytes into text and back, however they come. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class DecodingTest {
    private static final String WIDE = "a\u00E9\u20AC\uD83D\uDE00z";
    private static final int BUFFER_BYTES = 64 * 1024;

    /** Writes the parts one after the other, each only when the reader has what came before. */
    private static List<String> readParts(Charset charset, byte[]... parts) {
        List<String> lines = new ArrayList<>();
        try (Support.Crew crew = new Support.Crew()) {
            Support.Pipe[] pipe = new Support.Pipe[1];
            crew.spawn("reader", () -> {
                pipe[0] = Support.Pipe.open();
                pipe[0].in().charset(charset);
                String line;
                while ((line = pipe[0].in().readLine()) != null) {
                    lines.add(line);
                }
            });
            crew.spawn("writer", () -> {
                long written = 0;
                for (byte[] part : parts) {
                    pipe[0].out().write(ByteBuffer.wrap(part));
                    pipe[0].out().flush();
                    written += part.length;
                    while (crew.scheduler.stats().bytesIn() < written) {
                        Strands.yield();
                    }
                }
                pipe[0].out().close();
            });
            crew.run();
        }
        return lines;
    }

    private static List<String> readParts(byte[]... parts) {
        return readParts(StandardCharsets.UTF_8, parts);
    }

    private static byte[] part(byte[] all, int from, int to) {
        return java.util.Arrays.copyOfRange(all, from, to);
    }

    @Test
    void shouldDecodeASequenceThatIsSplitAnywhere() {
        byte[] all = (WIDE + "\r\n" + WIDE + "\n").getBytes(StandardCharsets.UTF_8);
        for (int at = 1; at < all.length; at++) {
            assertEquals(List.of(WIDE, WIDE), readParts(part(all, 0, at), part(all, at, all.length)),
                    "split at " + at);
        }
    }

    @Test
    void shouldDecodeASequenceAcrossTheBuffersEnd() {
        int widest = WIDE.getBytes(StandardCharsets.UTF_8).length + 2;
        for (int before = 0; before <= widest; before++) {
            String first = "f".repeat(BUFFER_BYTES - before - 1);
            byte[] all = (first + "\n" + WIDE + "\n" + WIDE).getBytes(StandardCharsets.UTF_8);
            assertEquals(List.of(first, WIDE, WIDE), readParts(all), before + " before the end");
        }
    }

    @Test
    void shouldDecodeALineOfManyBuffers() {
        for (int before = 0; before < 3; before++) {
            String line = "x".repeat(before) + "\u20AC".repeat(BUFFER_BYTES * 4);
            byte[] all = (line + "\n" + line + "\n").getBytes(StandardCharsets.UTF_8);
            assertEquals(List.of(line, line), readParts(all));
        }
    }

    @Test
    void shouldReplaceWhatIsNoUtf8AndGoOn() {
        String[] wrong = {"\u00FF", "\u0080", "\u00C3", "\u00E2\u0082", "\u00F0\u009F\u0098",
            "\u00C0\u0080", "\u00E0\u0080\u0080", "\u00ED\u00A0\u0080", "\u00F5\u0080\u0080\u0080",
            "\u00F4\u0090\u0080\u0080", "\u00E2(\u00A1", "\u00F0\u009F\u0098x"};
        for (String bytes : wrong) {
            byte[] all = ("ok" + bytes + "ok\n" + bytes + "\nnext\n" + bytes)
                    .getBytes(StandardCharsets.ISO_8859_1);
            for (int at = 1; at < all.length; at++) {
                List<String> lines = readParts(part(all, 0, at), part(all, at, all.length));
                assertEquals(4, lines.size());
                for (int i : new int[] {0, 1, 3}) {
                    assertEquals(true, lines.get(i).contains("\uFFFD"), lines.get(i));
                }
                assertEquals(true, lines.get(0).startsWith("ok") && lines.get(0).endsWith("ok"));
                assertEquals("next", lines.get(2));
            }
        }
    }

    @Test
    void shouldCutLinesAsByteForByteReadingWould() {
        Random random = new Random(20);
        for (int round = 0; round < 200; round++) {
            StringBuilder all = new StringBuilder();
            List<String> expected = new ArrayList<>();
            for (int lines = random.nextInt(8); lines >= 0; lines--) {
                StringBuilder line = new StringBuilder();
                for (int i = random.nextInt(40); i > 0; i--) {
                    char next = "\u000B\t\r\u008A\u0000\u00FFab".charAt(random.nextInt(8));
                    line.append(next);
                }
                all.append(line).append('\n');
                int end = line.length() - 1;
                expected.add(end >= 0 && line.charAt(end) == '\r'
                        ? line.substring(0, end) : line.toString());
            }
            byte[] bytes = all.toString().getBytes(StandardCharsets.ISO_8859_1);
            int at = random.nextInt(bytes.length);
            assertEquals(expected, readParts(StandardCharsets.ISO_8859_1,
                    part(bytes, 0, at), part(bytes, at, bytes.length)));
        }
    }

    @Test
    void shouldReadAndWriteInTheCharsetThatIsAskedFor() {
        Support.inStrand(() -> {
            for (String name : List.of("ISO-8859-1", "US-ASCII", "windows-1252", "GB18030")) {
                Support.Pipe pipe = Support.Pipe.open();
                Charset charset = Charset.forName(name);
                String text = charset.newEncoder().canEncode("\u00E9") ? "caf\u00E9" : "cafe";
                pipe.out().charset(charset);
                pipe.out().writeLine(text);
                pipe.out().writeLine(text);
                ByteBuffer raw = ByteBuffer.allocate(100);
                int length = pipe.in().readLine(raw);
                assertEquals(text, new String(raw.array(), 0, length, charset));
                pipe.in().charset(charset);
                assertEquals(text, pipe.in().readLine());
            }
            return true;
        });
    }

    @Test
    void shouldReplaceWhatACharsetLacks() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            pipe.out().charset(StandardCharsets.US_ASCII);
            pipe.out().writeLine("caf\u00E9");
            pipe.out().write(ByteBuffer.wrap(new byte[] {'a', (byte) 0xE9, '\n'}));
            pipe.in().charset(StandardCharsets.US_ASCII);
            assertEquals("caf?", pipe.in().readLine());
            assertEquals("a\uFFFD", pipe.in().readLine());
            return true;
        });
    }

    /** ASCII goes another way than the rest; U+0141 ends in the byte of an A. */
    @Test
    void shouldWriteTextAsItsCharsetHasIt() {
        List<String> tails = List.of("", "z", "\u00E9", "\u0141", "\u20AC", "\uD83D\uDE00", "\uD83D");
        for (Charset charset : List.of(StandardCharsets.UTF_8, StandardCharsets.US_ASCII,
                StandardCharsets.ISO_8859_1, Charset.forName("windows-1252"))) {
            Support.inStrand(() -> {
                Support.Pipe pipe = Support.Pipe.open();
                pipe.out().charset(charset);
                pipe.in().charset(StandardCharsets.ISO_8859_1);
                for (int length = 0; length <= 17; length++) {
                    for (String tail : tails) {
                        String text = "a".repeat(length) + tail + "b".repeat(length % 3);
                        pipe.out().writeLine(text);
                        assertEquals(
                                new String(text.getBytes(charset), StandardCharsets.ISO_8859_1),
                                pipe.in().readLine());
                    }
                }
                return true;
            });
        }
    }

    @Test
    void shouldKeepTextThatWaitsForRoomWhileOthersWrite() {
        List<String> lines = new ArrayList<>();
        String line = "w".repeat(1000);
        int count = 200;      // more than a pipe and a buffer hold
        try (Support.Crew crew = new Support.Crew()) {
            Support.Pipe[] pipes = new Support.Pipe[2];
            crew.spawn("writer", () -> {
                pipes[0] = Support.Pipe.open();
                pipes[1] = Support.Pipe.open();
                for (int i = 0; i < count; i++) {
                    pipes[0].out().writeLine(line);
                }
                pipes[0].out().close();
            });
            crew.spawn("other", () -> {
                pipes[1].out().writeLine("o".repeat(1000));
                String got;
                while ((got = pipes[0].in().readLine()) != null) {
                    lines.add(got);
                    pipes[1].out().writeLine("o");
                    pipes[1].in().readLine();
                }
            });
            crew.run();
        }
        assertEquals(java.util.Collections.nCopies(count, line), lines);
    }

    @Test
    void shouldRefuseACharsetWhoseNewlineIsNone() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            for (String name : List.of("UTF-16", "UTF-16LE", "UTF-32", "IBM1047")) {
                assertThrows(IllegalArgumentException.class,
                        () -> pipe.in().charset(Charset.forName(name)), name);
            }
            pipe.out().writeLine("as before");
            assertEquals("as before", pipe.in().readLine());
            return true;
        });
    }

    @Test
    void shouldTakeALineThatIsInTheBufferWithoutAskingTheLibrary() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            pipe.out().write("one\ntwo\nthree\r\npart");
            assertEquals("one", pipe.in().readLine());
            Scheduler scheduler = Strands.inStrand();
            byte[] to = new byte[64];
            assertEquals(3 << 2 | 1, take(scheduler, pipe.in(), to));
            assertEquals(5 << 2 | 2, take(scheduler, pipe.in(), to));
            assertEquals("three", new String(to, 0, 5, StandardCharsets.UTF_8));
            assertEquals(StreamMemory.NOT_HERE, take(scheduler, pipe.in(), to));
            pipe.out().writeLine("ial");
            assertEquals("partial", pipe.in().readLine());
            assertEquals(4, scheduler.stats().linesIn());
            return true;
        });
    }

    private static long take(Scheduler scheduler, LineStream in, byte[] to) throws IOException {
        return scheduler.memory().takeLine(in.in().handle(), to);
    }

    @Test
    void shouldAddALineToWhatWaitsWithoutAskingTheLibrary() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            Scheduler scheduler = Strands.inStrand();
            byte[] line = "line".getBytes(StandardCharsets.UTF_8);
            assertEquals(false, add(scheduler, pipe.out(), line));     // it has no buffer
            pipe.out().writeLine("first");
            assertEquals(true, add(scheduler, pipe.out(), line));
            pipe.out().writeLine(ByteBuffer.allocateDirect(4).put(line).flip());
            assertEquals(3, scheduler.stats().linesOut());
            assertEquals("first", pipe.in().readLine());
            assertEquals("line", pipe.in().readLine());
            assertEquals("line", pipe.in().readLine());
            assertEquals(false, add(scheduler, pipe.out(), line));     // sent
            return true;
        });
    }

    private static boolean add(Scheduler scheduler, LineStream out, byte[] line)
            throws IOException {
        return scheduler.memory().append(out.out().handle(), line, 0, line.length, true);
    }

    @Test
    void shouldNotAddBeyondWhatMayWait() {
        Support.inStrand(() -> {
            Support.Pipe pipe = Support.Pipe.open();
            Scheduler scheduler = Strands.inStrand();
            byte[] line = new byte[999];
            pipe.out().writeLine(ByteBuffer.wrap(line));
            int added = 1;
            while (add(scheduler, pipe.out(), line)) {
                added++;
            }
            assertEquals(65, added);
            pipe.out().close();
            for (int i = 0; i < added; i++) {
                assertEquals(999, pipe.in().readLine().length());
            }
            assertNull(pipe.in().readLine());
            return true;
        });
    }
}
