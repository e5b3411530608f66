// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Where a JDK lets nobody at the library's memory, calls do all that is done on it elsewhere. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class MemoryTest {
    @BeforeEach
    void onlyMounted() {
        Support.onlyMounted();
    }

    @Test
    void shouldComeToTheSameByCallsAlone(@TempDir Path folder) throws Exception {
        String reached = whatHappens(ChildJvm.likeThis());
        String called = whatHappens(ChildJvm.likeThis().classPath(withoutMemory(folder)));
        assertTrue(reached.startsWith("reached: true\n"), reached);
        assertEquals(reached.replaceFirst("true", "false"), called);
    }

    private static String whatHappens(ChildJvm child) throws Exception {
        ChildJvm.Result result = child.run(Happenings.class.getName());
        assertEquals("", result.err());
        assertEquals(0, result.status());
        return result.out();
    }

    /** This class path, behind a {@link Memory} out of reach. */
    private static Path[] withoutMemory(Path folder) throws Exception {
        Support.compile(folder.resolve("Memory.java"), """
                package org.cemlang.strand;
                final class Memory {
                    static final boolean USABLE = false;
                    static long getLong(long address) { throw new AssertionError(); }
                    static int getInt(long address) { throw new AssertionError(); }
                    static short getShort(long address) { throw new AssertionError(); }
                    static byte getByte(long address) { throw new AssertionError(); }
                    static void putLong(long address, long value) { throw new AssertionError(); }
                    static void putShort(long address, short value) { throw new AssertionError(); }
                    static void putByte(long address, byte value) { throw new AssertionError(); }
                    static boolean compareAndSetLong(long address, long expected, long value) {
                        throw new AssertionError();
                    }
                }
                """);
        String[] entries = System.getProperty("java.class.path").split(File.pathSeparator);
        return Stream.concat(Stream.of(folder), Arrays.stream(entries).map(Path::of)).toArray(Path[]::new);
    }

    /** Spawns, yields, parks, joins, sleeps, cancels and lines; says in which order, and the counts. */
    static final class Happenings {
        private static final int STRANDS = 2000;

        public static void main(String[] arguments) {
            System.out.println("reached: " + CoreMemory.isReachable());
            System.out.println(Strands.engine());
            try (Support.Crew crew = new Support.Crew()) {
                crew.spawn("turns", Happenings::turns);
                crew.spawn("ends", Happenings::ends);
                crew.spawn("lines", Happenings::lines);
                crew.run();
                Scheduler.Stats stats = crew.scheduler.stats();
                System.out.println(stats.spawned() + " spawned, " + stats.finished() + " finished, "
                        + stats.parked() + " parked");     // the kernel's pace decides on some wakes
            }
        }

        private static void turns() throws InterruptedException {
            int[] sum = {0};
            Thread[] parked = new Thread[STRANDS];
            for (int i = 0; i < STRANDS; i++) {
                int number = i;
                Strands.spawn(() -> {
                    parked[number] = Thread.currentThread();
                    Strands.yield();
                    LockSupport.park();
                    sum[0] = 31 * sum[0] + number;
                });
            }
            Strands.yield();
            Strands.yield();
            for (int i = STRANDS; i-- > 0;) {
                LockSupport.unpark(parked[i]);
            }
            Strands.spawn(() -> System.out.println("turns: " + sum[0])).join();
        }

        private static void ends() throws InterruptedException {
            Strand sleeper = Strands.spawn("sleeper",
                    Support.body(() -> Strands.sleep(Duration.ofHours(1))));
            Strands.yield();
            sleeper.cancel();
            sleeper.join();
            System.out.println("ends: " + sleeper.failure());
        }

        private static void lines() throws Exception {
            Support.Pair pair = Support.Pair.open();
            Strands.spawn(Support.body(() -> {
                for (int i = 0; i < STRANDS; i++) {
                    pair.there().writeLine(i + " " + "x".repeat(i % 300));
                }
                pair.there().close();
            }));
            int hash = 0;
            String line;
            while ((line = pair.here().readLine()) != null) {
                hash = 31 * hash + line.hashCode();
            }
            pair.here().close();
            System.out.println("lines: " + hash);
        }
    }
}
