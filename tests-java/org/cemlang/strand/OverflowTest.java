// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A native strand that overflows is named in a JVM too, and the faults that HotSpot makes for
 * itself (null checks, the ends of Java stacks) and reports (crashes) stay its own.
 */
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class OverflowTest {
    private static final int SIGSEGV_STATUS = 128 + 11;
    private static final int REPORTED_STATUS = 1;       // HotSpot's, after its report, with no core
    private static final int NULLS = 200;
    private static final int DEPTHS = 20;
    private static final long ADDRESS = 0x5150;

    private static final Pattern MESSAGE = Pattern.compile(
            "strand: stack overflow in strand [0-9a-f]+ \"deep one\": its segment of 65536 bytes is"
                    + " full \\(fault at 0x[0-9a-f]+, [0-9]+ bytes below it\\); raise stack_bytes,"
                    + " or call deep code by strand_call\n");

    @TempDir
    Path folder;

    /** Counts what HotSpot makes of its own faults. */
    static final class Faults {
        private Faults() {}

        private static int length(int[] array) {
            return array.length;
        }

        private static int nullChecks() {
            int[] some = {1, 2, 3};
            for (int i = 0; i < 20_000; i++) {
                length(some);       // so that compiled code meets the null, if there is any
            }
            int caught = 0;
            for (int i = 0; i < NULLS; i++) {
                try {
                    caught -= length(null);
                } catch (NullPointerException e) {
                    caught++;
                }
            }
            return caught;
        }

        private static int depth(int n) {
            return 1 + depth(n + 1);
        }

        private static int stackEnds() {
            int caught = 0;
            for (int i = 0; i < DEPTHS; i++) {
                try {
                    caught -= depth(0);
                } catch (StackOverflowError e) {
                    caught++;
                }
            }
            return caught;
        }

        static void print(String where) {
            System.out.println(where + " " + nullChecks() + " " + stackEnds());
        }
    }

    /**
     * Everywhere: before a run, on the carrier under a native strand, whose turn is what brings our
     * handler, in a Java strand, after the run, and in a run without a native strand.
     */
    static final class CountsThenOverflows {
        public static void main(String[] words) {
            Faults.print("before");
            try (Support.Crew crew = new Support.Crew()) {
                NativeSupport.spawnCalling(crew.scheduler.handle(), () -> Faults.print("carrier"));
                crew.spawn("java", () -> {
                    Strands.yield();
                    Faults.print("strand");
                });
                crew.run();
                Faults.print("between");
                crew.spawn("again", () -> Faults.print("again"));
                crew.run();
            }
            Faults.print("after");
            Scheduler scheduler = Scheduler.open();
            NativeSupport.spawnOverflowing(scheduler.handle());
            scheduler.run();
        }
    }

    private ChildJvm child(String... options) {
        return ChildJvm.likeThis().options("-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=" + folder.resolve("hs_err")).options(options);
    }

    private String report() throws Exception {
        return Files.readString(folder.resolve("hs_err"));
    }

    private void assertCountsAndReport(ChildJvm child) throws Exception {
        ChildJvm.Result result = child.run(CountsThenOverflows.class.getName());
        List<String> expected = new ArrayList<>();
        for (String where : List.of("before", "carrier", "strand", "between", "again", "after")) {
            expected.add(where + " " + NULLS + " " + DEPTHS);
        }
        String counts = String.join("\n", expected) + "\n";
        assertTrue(result.out().startsWith(counts), result.out() + result.err());
        assertTrue(MESSAGE.matcher(result.err()).find(), result.out() + result.err());
        assertEquals(REPORTED_STATUS, result.status());
        assertTrue(report().contains("SIGSEGV"), report());
    }

    @ParameterizedTest
    @ValueSource(strings = {"Serial", "Z"})
    void shouldNameTheStrandAndKeepTheFaultsOfTheJvm(String collector) throws Exception {
        assumeFalse(collector.equals("Z") && ChildJvm.sanitized(),
                "AddressSanitizer takes the addresses of ZGC's heap");
        assertCountsAndReport(child().collector(collector));
    }

    /** Where null checks are always faults. */
    @Test
    void shouldKeepTheFaultsOfTheInterpreterAndOfPlainCode() throws Exception {
        assertCountsAndReport(child("-Xint"));
        Files.delete(folder.resolve("hs_err"));
        assertCountsAndReport(child("-XX:TieredStopAtLevel=1"));
    }

    static final class OverflowsOnItsOwn {
        public static void main(String[] words) {
            NativeSupport.overflow(Boolean.getBoolean("report"));
        }
    }

    @Test
    void shouldNameTheStrandOfASchedulerOfC() throws Exception {
        ChildJvm.Result result = child("-Dreport=true").run(OverflowsOnItsOwn.class.getName());
        assertTrue(MESSAGE.matcher(result.err()).find(), result.out() + result.err());
        assertEquals(REPORTED_STATUS, result.status());
        assertTrue(report().contains("SIGSEGV"), report());
    }

    /** What a JVM makes of it alone: nothing, since HotSpot's handler has no stack to run on. */
    @Test
    void shouldSayNothingWhereItIsTurnedOff() throws Exception {
        ChildJvm.Result result = child("-Dreport=false").run(OverflowsOnItsOwn.class.getName());
        assertEquals("", result.err());
        assertEquals(SIGSEGV_STATUS, result.status());
    }

    /** A segfault that is no overflow, on a thread that was a carrier, on another, in a strand. */
    static final class GoesAstray {
        public static void main(String[] words) throws Exception {
            Scheduler scheduler = Scheduler.open();
            NativeSupport.spawnCalling(scheduler.handle(), () -> {});
            scheduler.run();
            switch (System.getProperty("where")) {
                case "carrier" -> NativeSupport.read(ADDRESS);
                case "thread" -> {
                    Thread thread = new Thread(() -> NativeSupport.read(ADDRESS));
                    thread.start();
                    thread.join();
                }
                case "strand" -> {
                    NativeSupport.spawnCalling(scheduler.handle(), () -> {});
                    scheduler.spawn(() -> NativeSupport.read(ADDRESS));
                    scheduler.run();
                }
                default -> {
                    NativeSupport.spawnReading(scheduler.handle(), ADDRESS);
                    scheduler.run();
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"carrier", "thread", "strand", "native strand"})
    void shouldLeaveTheReportOfACrashToTheJvm(String where) throws Exception {
        ChildJvm.Result result = child("-Dwhere=" + where).run(GoesAstray.class.getName());
        assertFalse(result.err().contains("strand:"), result.err());
        assertEquals(REPORTED_STATUS, result.status());
        assertTrue(report().contains(String.format("si_addr: 0x%016x", ADDRESS)), report());
    }
}
