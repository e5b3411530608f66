// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What people see of strands: the scheduler's own dump, and the JDK's of all threads. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class DumpTest {
    @TempDir
    Path folder;

    private static void waitForTheGate(Strand gate) throws InterruptedException {
        gate.join();
    }

    @Test
    void shouldShowWhereAJavaStrandWaits() {
        AtomicReference<String> dump = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Strand> gate = new AtomicReference<>();
            crew.spawn("waits", () -> waitForTheGate(gate.get()));
            gate.set(crew.spawn("gate", () -> dump.set(crew.scheduler.dumpStacks())));
            crew.run();
        }
        String[] lines = dump.get().split("\n");
        int at = IntStream.range(0, lines.length)
                .filter(i -> lines[i].contains("\"waits\" hosted parked: join")).findFirst()
                .orElseThrow(() -> new AssertionError(dump.get()));
        assertTrue(lines[at + 1].startsWith("      at "), dump.get());
        assertTrue(dump.get().contains("DumpTest.waitForTheGate(DumpTest.java:"), dump.get());
        assertTrue(lines[lines.length - 1].endsWith("\"gate\" hosted running"), dump.get());
    }

    @Test
    void shouldShowWhereANativeStrandWaits() {
        ByteBuffer log = ByteBuffer.allocateDirect(64);
        AtomicReference<String> dump = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            NativeSupport.spawnScribe(crew.scheduler.handle(), log, 'n', 5);
            crew.spawn("asks", () -> dump.set(crew.scheduler.dumpStacks()));
            boolean shown = crew.scheduler.stats().context().equals("asm");
            crew.run();
            assertTrue(dump.get().contains(shown
                    ? "strand_native_support.so(" : "(its stack cannot be shown here)"),
                    dump.get());
        }
    }

    @Test
    void shouldNameWhoHoldsTheCarrier() throws Exception {
        AtomicReference<String> dump = new AtomicReference<>();
        CountDownLatch holds = new CountDownLatch(1);
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("holds it", () -> {
                holds.countDown();
                while (dump.get() == null) {
                    Thread.onSpinWait();
                }
            });
            Thread asks = new Thread(Support.body(() -> {
                holds.await();
                dump.set(crew.scheduler.dumpStacks());
            }));
            asks.start();
            crew.run();
            asks.join();
        }
        assertTrue(dump.get().contains("'holds it' has it\n      at "), dump.get());
    }

    @Test
    void shouldShowStacksOnlyWhenAsked() {
        AtomicReference<String> dump = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            Strand gate = crew.spawn("gate", () -> dump.set(crew.scheduler.dump()));
            crew.spawn("waits", gate::join);
            crew.run();
        }
        assertFalse(dump.get().contains("      at "), dump.get());
    }

    @Test
    void shouldNotTakeANameForALine() {
        AtomicReference<String> dump = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("x\n  strand zz y", () -> { });
            crew.spawn("x\n  strand ffffffff y", () -> { });
            crew.spawn("asks", () -> dump.set(crew.scheduler.dumpStacks()));
            crew.run();
        }
        assertTrue(dump.get().contains("\"asks\""), dump.get());
    }

    /** {@code jcmd Thread.dump_to_file}, by its bean; the text of the file. */
    private String dumpThreads(String format) throws Exception {
        Path file = folder.resolve("threads");
        String[] words = {"-overwrite", "-format=" + format, file.toString()};
        ManagementFactory.getPlatformMBeanServer().invoke(
                new ObjectName("com.sun.management:type=DiagnosticCommand"), "threadDumpToFile",
                new Object[] {words}, new String[] {String[].class.getName()});
        return Files.readString(file);
    }

    private static void onlyWhereThreadsCanBeDumped() {
        assumeTrue(Runtime.version().feature() >= 21, "JDK 17 has no Thread.dump_to_file");
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "json"})
    void shouldListStrandsInTheJdksThreadDump(String format) throws Exception {
        onlyWhereThreadsCanBeDumped();
        assumeFalse(ManagementFactory.getRuntimeMXBean().getInputArguments()
                .contains("-XX:-VMContinuations"), "without continuations the JDK lists none of them");
        AtomicReference<String> dump = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Strand> gate = new AtomicReference<>();
            crew.spawn("a strand that joins", () -> waitForTheGate(gate.get()));
            gate.set(crew.spawn("the strand that asks",
                    () -> dump.set(Strands.blocking(() -> dumpThreads(format)))));
            crew.run();
        }
        String name = format.equals("json")
                ? "\"name\": \"a strand that joins\"" : "\"a strand that joins\" virtual";
        assertTrue(dump.get().contains(name), dump.get());
        assertTrue(dump.get().contains("DumpTest.waitForTheGate(DumpTest.java:"), dump.get());
        assertTrue(dump.get().contains("\"the strand that asks\""), dump.get());
    }

    /** One waits in a call of ours, the next in one of the JDK's, which the dump submits again. */
    @Test
    void shouldBearTheJdksThreadDumpInTheMiddle() throws Exception {
        onlyWhereThreadsCanBeDumped();
        Support.onlyMounted();
        int strands = 100;
        StringBuilder order = new StringBuilder();
        CountDownLatch latch = new CountDownLatch(1);
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Strand> gate = new AtomicReference<>();
            for (int i = 0; i < strands; i++) {
                int number = i;
                crew.spawn("waits " + i, () -> {
                    if (number % 2 == 0) {
                        waitForTheGate(gate.get());
                    } else {
                        latch.await();
                    }
                    order.append(number).append(' ');
                });
            }
            gate.set(crew.spawn("gate", () -> {
                for (int i = 0; i < 10; i++) {
                    Strands.blocking(() -> dumpThreads("plain"));
                    LockSupport.unpark(Strands.current().thread());
                    LockSupport.park();
                }
                latch.countDown();
            }));
            crew.run();
            assertEquals(strands + 1, crew.scheduler.stats().finished());
        }
        assertEquals(IntStream.range(0, strands).filter(i -> i % 2 == 0).mapToObj(i -> i + " ")
                .collect(Collectors.joining()), evens(order));
    }

    private static String evens(CharSequence order) {
        return order.toString().lines().flatMap(line -> java.util.Arrays.stream(line.split(" ")))
                .filter(word -> Integer.parseInt(word) % 2 == 0).map(word -> word + " ")
                .collect(Collectors.joining());
    }
}
