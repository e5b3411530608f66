// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Turns without end leave the JVM's native memory and its references where they were. */
@Timeout(value = 3600, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class TurnsTest {
    /** {@code Program COUNT}: strands that yield so often in all, with spawns and lines between. */
    static final class Program {
        private static final int STRANDS = 50;

        public static void main(String[] words) throws Exception {
            long turns = Long.parseLong(words[0]);
            turn(turns / 4);
            System.out.println(measure());
            turn(turns - turns / 4);
            System.out.println(measure());
        }

        private static void turn(long turns) {
            try (Support.Crew crew = new Support.Crew()) {
                crew.spawn("lines", () -> {
                    Support.Pipe pipe = Support.Pipe.open();
                    for (long i = 0; i < turns / 1_000; i++) {
                        pipe.out().writeLine("a line");
                        assertEquals("a line", pipe.in().readLine());
                    }
                    pipe.out().close();
                    pipe.in().close();
                });
                for (int n = 0; n < STRANDS; n++) {
                    crew.spawn("yields", () -> {
                        for (long i = 1; i < turns / STRANDS; i++) {
                            Strands.yield();
                            if (i % 1_000 == 0) {
                                Strands.spawn(() -> { }).join();
                            }
                        }
                    });
                }
                crew.run();
            }
        }

        /** Of what is no heap: KiB by NMT and by the kernel; global and weak references. */
        private static String measure() throws Exception {
            System.gc();
            String memory = ask("vmNativeMemory", "summary", "scale=KB");
            long other = number(memory, "Total: reserved=\\d+KB, committed=(\\d+)KB")
                    - committed(memory, "Java Heap") - committed(memory, "Code")
                    - committed(memory, "Compiler") - committed(memory, "Arena Chunk");
            String threads = ask("threadPrint");
            long resident = number(Files.readString(Path.of("/proc/self/status")),
                    "VmRSS:\\s+(\\d+) kB");
            return other + " " + resident + " " + number(threads, "JNI global refs: (\\d+)")
                    + " " + number(threads, "weak refs: (\\d+)");
        }

        private static long committed(String memory, String what) {
            return number(memory, "-\\s+" + what + " \\(reserved=\\d+KB, committed=(\\d+)KB");
        }

        private static long number(String text, String pattern) {
            Matcher matcher = Pattern.compile(pattern).matcher(text);
            return matcher.find() ? Long.parseLong(matcher.group(1)) : 0;
        }

        private static String ask(String command, String... words) throws Exception {
            return (String) ManagementFactory.getPlatformMBeanServer().invoke(
                    new ObjectName("com.sun.management:type=DiagnosticCommand"), command,
                    new Object[] {words}, new String[] {String[].class.getName()});
        }
    }

    @Test
    void shouldLeaveNativeMemoryAndReferencesWhereTheyWere() throws Exception {
        long turns = Long.getLong("org.cemlang.strand.test.turns", 1_000_000);
        turns = Support.mounted() ? turns : turns / 20;
        ChildJvm.Result result = ChildJvm.likeThis()
                .options("-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-Xcheck:jni",
                        "-XX:NativeMemoryTracking=summary")
                .run(Program.class.getName(), String.valueOf(turns));
        assertEquals(0, result.status(), result.out() + result.err());
        assertFalse(result.out().contains("WARNING in native method"), result.out());
        System.out.println("after a quarter and all of " + turns + " turns, KiB by NMT without heap"
                + " and compiler, KiB resident, global references, weak references:\n" + result.out());
        long[][] seen = result.out().lines().filter(line -> line.matches("[0-9 ]+"))
                .map(line -> java.util.stream.Stream.of(line.split(" "))
                        .mapToLong(Long::parseLong).toArray()).toArray(long[][]::new);
        assertTrue(seen[1][0] - seen[0][0] < 2 * 1024, result.out());
        if (!ChildJvm.sanitized()) {     // which keeps what is freed for a while
            assertTrue(seen[1][1] - seen[0][1] < 16 * 1024, result.out());
        }
        assertTrue(seen[1][2] <= seen[0][2] + 8, result.out());
        assertTrue(seen[1][3] <= seen[0][3] + 64, result.out());
    }
}
