// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** How a process with strands ends, and what it is started with. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class ExitTest {
    private static final int SIGTERM_STATUS = 128 + 15;

    @TempDir
    Path folder;

    /** Exits in a strand while others are parked and output waits. */
    static final class ExitsInAStrand {
        public static void main(String[] words) {
            for (int i = 0; i < 1_000; i++) {
                Strands.spawn(Support.body(() -> Strands.sleep(Duration.ofHours(1))));
            }
            Strands.spawn(() -> {
                Strands.yield();
                Strands.println("written before the exit");
                System.exit(7);
            });
            Strands.run();
        }
    }

    @Test
    void shouldFlushWhenAStrandExits() throws Exception {
        long startNs = System.nanoTime();
        ChildJvm.Result result = ChildJvm.likeThis().run(ExitsInAStrand.class.getName());
        assertEquals("", result.err());
        assertEquals("written before the exit\n", result.out());
        assertEquals(7, result.status());
        assertTrue(System.nanoTime() - startNs < 10_000_000_000L);
    }

    /** {@code ParksMany COUNT WHO}: exits, in a strand or a thread, while so many are parked. */
    static final class ParksMany {
        public static void main(String[] words) {
            Strand[] first = new Strand[1];
            for (int i = 0; i < Integer.parseInt(words[0]); i++) {
                Support.Body wait = i % 2 == 0 || first[0] == null
                        ? () -> Strands.sleep(Duration.ofHours(1)) : () -> first[0].join();
                Strand strand = Strands.spawn(Support.body(wait));
                first[0] = first[0] == null ? strand : first[0];
            }
            Strands.spawn(() -> {
                Strands.yield();
                if (words[1].equals("strand")) {
                    System.exit(7);
                }
                new Thread(() -> System.exit(7)).start();
            });
            Strands.run();
        }
    }

    /**
     * Ten thousand; on JDK 17 two thousand, since each has a thread. To cancel them may take longer
     * than an exit waits, which then says so.
     */
    @Test
    void shouldEndWithManyStrandsParked() throws Exception {
        int times = Integer.getInteger("org.cemlang.strand.test.exits", 2);
        String count = Runtime.version().feature() >= 21 ? "10000" : "2000";
        for (int i = 0; i < times; i++) {
            String who = i % 2 == 0 ? "strand" : "thread";
            ChildJvm.Result result = ChildJvm.likeThis()
                    .options("-XX:ErrorFile=" + folder.resolve("hs_err"))
                    .run(ParksMany.class.getName(), count, who);
            assertEquals(7, result.status(), result.err());
            assertTrue(result.err().isEmpty() || result.err().lines().count() == 1
                    && result.err().contains("did not answer the exit"), result.err());
            assertTrue(Files.notExists(folder.resolve("hs_err")), "crashed");
        }
    }

    /** Writes, and waits until it is told to end. */
    static final class Waits {
        public static void main(String[] words) {
            Strands.spawn(Support.body(() -> {
                Strands.println("ready");
                try {
                    Strands.sleep(Duration.ofHours(1));
                } finally {
                    Strands.println("in flight");
                }
            }));
            Strands.run();
        }
    }

    /** Holds its carrier for ever. */
    static final class Spins {
        public static void main(String[] words) {
            Strands.spawn(Support.body(() -> {
                Strands.println("ready");
                LineStream.standardOutput().flush();
                while (Strands.current() != null) {
                    Thread.onSpinWait();
                }
            }));
            Strands.run();
        }
    }

    private ChildJvm.Result terminated(Class<?> main) throws Exception {
        Path err = folder.resolve("err");
        Process child = ChildJvm.likeThis().start(err, main.getName());
        StringBuilder out = new StringBuilder();
        int c;
        while ((c = child.getInputStream().read()) != '\n') {
            assertTrue(c >= 0, "ended early: " + Files.readString(err));
            out.append((char) c);
        }
        assertEquals("ready", out.toString());
        long startNs = System.nanoTime();
        child.toHandle().destroy();     // and leaves its streams open
        ChildJvm.Result result = ChildJvm.end(child, err);
        assertTrue(System.nanoTime() - startNs < 2_000_000_000L, "took more than 2 s");
        return result;
    }

    @Test
    void shouldLetStrandsEndOnSigterm() throws Exception {
        ChildJvm.Result result = terminated(Waits.class);
        assertEquals("", result.err());
        assertEquals("in flight\n", result.out());
        assertEquals(SIGTERM_STATUS, result.status());
    }

    @Test
    void shouldSayWhenACarrierDoesNotAnswer() throws Exception {
        ChildJvm.Result result = terminated(Spins.class);
        assertTrue(result.err().contains("did not answer"), result.err());
        assertEquals(SIGTERM_STATUS, result.status());
    }

    /** Exits in a strand, with a hook that takes longer than the strands are given. */
    static final class ExitsBehindASlowHook {
        public static void main(String[] words) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                long endNs = System.nanoTime() + 500_000_000;
                while (System.nanoTime() < endNs) {
                    Thread.onSpinWait();
                }
            }));
            try (Scheduler scheduler = Scheduler.open(
                    new Scheduler.Options().grace(Duration.ofMillis(10)))) {
                scheduler.spawn(() -> System.exit(7));
                scheduler.run();
            }
        }
    }

    @Test
    void shouldEndThoughAHookIsSlow() throws Exception {
        assertEquals(7, ChildJvm.likeThis().run(ExitsBehindASlowHook.class.getName()).status());
    }

    /** Two strands exit, the one with the lower number last, behind such a hook. */
    static final class ExitsTwiceBehindASlowHook {
        public static void main(String[] words) {
            CountDownLatch hooksAreOn = new CountDownLatch(1);
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                hooksAreOn.countDown();
                long endNs = System.nanoTime() + 500_000_000;
                while (System.nanoTime() < endNs) {
                    Thread.onSpinWait();
                }
            }));
            try (Scheduler scheduler = Scheduler.open(
                    new Scheduler.Options().grace(Duration.ofMillis(10)))) {
                scheduler.spawn(() -> {
                    while (hooksAreOn.getCount() > 0) {
                        Strands.yield();
                    }
                    System.exit(8);
                });
                scheduler.spawn(() -> System.exit(7));
                scheduler.run();
            }
        }
    }

    @Test
    void shouldEndThoughTwoStrandsExit() throws Exception {
        assertEquals(7, ChildJvm.likeThis().run(ExitsTwiceBehindASlowHook.class.getName()).status());
    }

    /** Exits in a strand while a hook closes what belongs to its scheduler. */
    static final class ClosesInAHook {
        public static void main(String[] words) {
            Strands.spawn(Support.body(() -> {
                LineServer server = LineServer.listen("127.0.0.1:0");
                Runtime.getRuntime().addShutdownHook(new Thread(server::close));
                System.exit(7);
            }));
            Strands.run();
        }
    }

    @Test
    void shouldEndThoughAHookClosesAServer() throws Exception {
        ChildJvm.Result result = ChildJvm.likeThis().run(ClosesInAHook.class.getName());
        assertEquals("", result.err());
        assertEquals(7, result.status());
    }

    /** Closes the standard streams and goes on using them. */
    static final class ClosesTheStandardStreams {
        public static void main(String[] words) {
            Strands.spawn(Support.body(() -> {
                Strands.println("before");
                LineStream.standardOutput().close();
                LineStream.standardInput().close();
                Strands.println(String.valueOf(Strands.readLine()));
                Strands.println("after");
            }));
            Strands.run();
        }
    }

    @Test
    void shouldGoOnWithTheStandardStreamsOnceClosed() throws Exception {
        Path err = folder.resolve("err");
        Process child = ChildJvm.likeThis().start(err, ClosesTheStandardStreams.class.getName());
        child.getOutputStream().write("a line\n".getBytes(StandardCharsets.US_ASCII));
        child.getOutputStream().close();
        ChildJvm.Result result = ChildJvm.end(child, err);
        assertEquals("before\na line\nafter\n", result.out(), result.err());
    }

    /** Prints its engine, or why there is none. */
    static final class SaysItsEngine {
        public static void main(String[] words) {
            System.out.println(Strands.engine());
            try (Scheduler scheduler = Scheduler.open()) {
                scheduler.spawn(() -> Strands.println("ran"));
                scheduler.run();
            } catch (UnsupportedOperationException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    @Test
    void shouldFallBackToBatonWithoutContinuations() throws Exception {
        assumeTrue(Runtime.version().feature() >= 21, "JDK 17 has no such option");
        ChildJvm.Result result = new ChildJvm().options(
                        "-Dorg.cemlang.strand.library="
                                + System.getProperty("org.cemlang.strand.library"),
                        "-XX:+UnlockExperimentalVMOptions", "-XX:-VMContinuations")
                .run(SaysItsEngine.class.getName());
        assertTrue(result.out().startsWith("baton: JDK "), result.out() + result.err());
        assertTrue(result.out().contains("continuations"), result.out());
        assertTrue(result.out().endsWith("\nran\n"), result.out());
    }

    @Test
    void shouldNotFallBackWhereMountedWasAskedFor() throws Exception {
        ChildJvm child = new ChildJvm().options("-Dorg.cemlang.strand.engine=mounted",
                "-Dorg.cemlang.strand.library="
                        + System.getProperty("org.cemlang.strand.library"));
        if (Runtime.version().feature() >= 21) {
            child.options("-XX:+UnlockExperimentalVMOptions", "-XX:-VMContinuations");
        }
        ChildJvm.Result result = child.run(SaysItsEngine.class.getName());
        String[] lines = result.out().split("\n");
        assertEquals(2, lines.length, result.out() + result.err());
        assertTrue(lines[0].startsWith("none: the mounted engine cannot run here"), lines[0]);
        assertEquals(lines[0], "none: " + lines[1]);
    }

    @Test
    void shouldRefuseAnEngineThatIsNone() throws Exception {
        ChildJvm.Result result = new ChildJvm().options("-Dorg.cemlang.strand.engine=steam",
                        "-Dorg.cemlang.strand.library="
                                + System.getProperty("org.cemlang.strand.library"))
                .run(SaysItsEngine.class.getName());
        assertTrue(result.out().contains("'steam'"), result.out() + result.err());
    }
}
