// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class StrandsTest {
    @Test
    void shouldTakeTurnsInSpawnOrder() {
        StringBuilder order = new StringBuilder();
        for (String name : List.of("A", "B", "C")) {
            Strands.spawn(name, () -> {
                order.append(name);
                Strands.yield();
                order.append(name);
            });
        }
        Strands.run();
        assertEquals("ABCABC", order.toString());
    }

    @Test
    void shouldQueueASpawnBehindTheReady() {
        StringBuilder order = new StringBuilder();
        Strands.spawn(() -> {
            order.append('A');
            Strands.spawn(() -> order.append('C'));
            Strands.yield();
            order.append('A');
        });
        Strands.spawn(() -> order.append('B'));
        Strands.run();
        assertEquals("ABCA", order.toString());
    }

    @Test
    void shouldSwitchAsOftenAsTheProgramImplies() {
        try (Support.Crew crew = new Support.Crew()) {
            for (int i = 0; i < 10; i++) {
                crew.spawn("yielder", () -> {
                    for (int k = 0; k < 1_000; k++) {
                        Strands.yield();
                    }
                });
            }
            crew.run();
            // Each is given the carrier once to begin and once after each yield.
            assertEquals(10 * 1_001, crew.scheduler.stats().switches());
        }
    }

    @Test
    void shouldTakeTurnsWithNativeStrands() {
        java.nio.ByteBuffer log = java.nio.ByteBuffer.allocateDirect(64);
        try (Support.Crew crew = new Support.Crew()) {
            NativeSupport.spawnScribe(crew.scheduler.handle(), log, 'n', 3);
            crew.spawn("scribe", () -> {
                for (int i = 0; i < 3; i++) {
                    log.put(0, (byte) (log.get(0) + 1));
                    log.put(log.get(0), (byte) 'J');
                    Strands.yield();
                }
            });
            NativeSupport.spawnScribe(crew.scheduler.handle(), log, 'm', 2);
            crew.run();
        }
        StringBuilder order = new StringBuilder();
        for (int i = 1; i <= log.get(0); i++) {
            order.append((char) log.get(i));
        }
        assertEquals("nJmnJmnJ", order.toString());
    }

    @Test
    void shouldKnowTheCallingStrand() {
        AtomicReference<Strand> seen = new AtomicReference<>();
        assertNull(Strands.current());
        Strand strand = Strands.spawn(() -> seen.set(Strands.current()));
        Strands.run();
        assertSame(strand, seen.get());
        assertNull(Strands.current());
    }

    @Test
    void shouldSpawnOnTheCallingStrandsScheduler() {
        List<Scheduler> where = new ArrayList<>();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("outer", () -> where.add(Strands.spawn(() -> { }).scheduler));
            crew.run();
            assertEquals(List.of(crew.scheduler), where);
        }
    }

    @Test
    void shouldRefuseToRunInsideAStrand() {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Strands.spawn(() -> thrown.set(assertThrows(IllegalStateException.class, Strands::run)));
        Strands.run();
        assertNotNull(thrown.get());
    }

    private static boolean canMount() {
        return Runtime.version().feature() >= 21 && !ManagementFactory.getRuntimeMXBean()
                .getInputArguments().contains("-XX:-VMContinuations");
    }

    @Test
    void shouldSayWhichEngineAndWhy() {
        String wish = System.getProperty("org.cemlang.strand.engine", "auto");
        String engine = Strands.engine();
        switch (wish) {
            case "mounted" -> assertTrue(engine.startsWith("mounted: "), engine);
            case "baton" -> assertTrue(engine.startsWith("baton: by option"), engine);
            default -> assertTrue(canMount()
                    ? engine.startsWith("mounted: ") : engine.startsWith("baton: JDK "), engine);
        }
    }

    @Test
    void shouldWakeSleepersInDeadlineOrder() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            long baseNs = System.nanoTime() + 100_000_000;     // each begins long before that
            for (int late : new int[] {3, 1, 2}) {
                crew.spawn("sleeper", () -> {
                    Strands.sleep(Duration.ofNanos(
                            baseNs + late * 50_000_000L - System.nanoTime()));
                    order.append(late);
                });
            }
            crew.run();
        }
        assertEquals("123", order.toString());
    }

    @Test
    void shouldYieldOnASleepOfNothing() {
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("A", () -> {
                order.append('A');
                Strands.sleep(Duration.ZERO);
                Strands.sleep(Duration.ofSeconds(-1));
                order.append('A');
            });
            crew.spawn("B", () -> {
                order.append('B');
                Strands.yield();
                order.append('B');
            });
            crew.run();
        }
        assertEquals("ABBA", order.toString());
    }

    @Test
    void shouldSleepForLongWithoutAnEnd() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            Strand sleeper = crew.scheduler.spawn("sleeper", Support.body(
                    () -> Strands.sleep(Duration.ofSeconds(Long.MAX_VALUE))));
            crew.spawn("canceler", sleeper::cancel);
            crew.run();
            assertTrue(sleeper.isDone());
        }
    }

    @Test
    void shouldDoNothingForAThreadThatIsNoStrand() throws Exception {
        Strands.yield();
        Strands.sleep(Duration.ofNanos(1));
        assertEquals("here", Strands.blocking(() -> "here"));
        assertThrows(IllegalStateException.class, () -> Strands.println("nobody's"));
        assertThrows(IllegalStateException.class, Strands::readLine);
    }

    @Test
    @SuppressWarnings("NullAway")
    void shouldRefuseNull() {
        assertThrows(NullPointerException.class, () -> Strands.spawn(null));
        assertThrows(NullPointerException.class, () -> Strands.spawn(null, () -> { }));
        assertThrows(NullPointerException.class, () -> Strands.sleep(null));
        assertThrows(NullPointerException.class, () -> Strands.writeLine(null));
        assertThrows(NullPointerException.class, () -> Strands.print(null));
        assertThrows(NullPointerException.class, () -> Strands.println(null));
        assertThrows(NullPointerException.class, () -> Strands.blocking(null));
        assertThrows(NullPointerException.class, () -> LineServer.listen(null));
        Strands.run();
    }
}
