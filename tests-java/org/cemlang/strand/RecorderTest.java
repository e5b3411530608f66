// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a flight recording shows of strands. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class RecorderTest {
    private static final String PARK = "org.cemlang.strand.Park";
    private static final String LATE = "org.cemlang.strand.ResumedLate";
    private static final String HELD = "org.cemlang.strand.CarrierHeld";
    private static final long HELD_NS = 40_000_000;

    @TempDir
    Path folder;

    /** Our events of a recording of what the crew does. */
    private List<RecordedEvent> record(Consumer<Recording> settings, Consumer<Support.Crew> spawn)
            throws Exception {
        Path file = folder.resolve("strands.jfr");
        try (Recording recording = new Recording(); Support.Crew crew = new Support.Crew()) {
            settings.accept(recording);
            recording.start();
            spawn.accept(crew);
            crew.run();
            recording.stop();
            recording.dump(file);
        }
        return RecordingFile.readAllEvents(file).stream()
                .filter(e -> e.getEventType().getName().startsWith("org.cemlang.strand.")).toList();
    }

    private static List<String> names(List<RecordedEvent> events) {
        return events.stream().map(e -> e.getString("strand")).toList();
    }

    private static void hold() {
        long endNs = System.nanoTime() + HELD_NS;
        while (System.nanoTime() < endNs) {
            Thread.onSpinWait();
        }
    }

    @Test
    void shouldSayHowLongAStrandParkedAndWhy() throws Exception {
        List<RecordedEvent> events = record(r -> r.enable(PARK).withoutThreshold(), crew -> {
            AtomicReference<Strand> gate = new AtomicReference<>();
            crew.spawn("joins", () -> gate.get().join());
            gate.set(crew.spawn("gate", RecorderTest::hold));
        });
        assertEquals(List.of("joins"), names(events));
        RecordedEvent park = events.get(0);
        assertEquals("join", park.getString("reason"));
        assertTrue(park.getDuration().toNanos() >= HELD_NS, park.toString());
    }

    @Test
    void shouldNameWhatAStrandWaitsForInTheJdk() throws Exception {
        Support.onlyMounted();
        List<RecordedEvent> events = record(r -> r.enable(PARK).withoutThreshold(), crew -> {
            Strand waits = crew.spawn("waits", () -> LockSupport.park(crew));
            crew.spawn("unparks", () -> LockSupport.unpark(waits.thread()));
        });
        assertEquals(List.of("waits"), names(events));
        assertEquals(Support.Crew.class.getName(), events.get(0).getString("reason"));
    }

    @Test
    void shouldLeaveOutParksBelowTheThreshold() throws Exception {
        List<RecordedEvent> events = record(
                r -> r.enable(PARK).withThreshold(Duration.ofHours(1)), crew -> {
            Strand gate = crew.spawn("gate", Strands::yield);
            crew.spawn("joins", gate::join);
        });
        assertEquals(List.of(), events);
    }

    @Test
    void shouldNameWhoHoldsTheCarrier() throws Exception {
        List<RecordedEvent> events = record(
                r -> r.enable(HELD).withThreshold(Duration.ofNanos(HELD_NS)), crew -> {
            crew.spawn("polite", Strands::yield);
            crew.spawn("holds", RecorderTest::hold);
        });
        assertTrue(names(events).contains("holds"), events.toString());
        assertTrue(events.get(0).getDuration().toNanos() >= HELD_NS, events.toString());
    }

    @Test
    void shouldNameWhoRunsLateAfterAYield() throws Exception {
        List<RecordedEvent> events = record(r -> r.enable(LATE), crew -> {
            crew.spawn("yields", Strands::yield);
            crew.spawn("holds", RecorderTest::hold);
        });
        assertTrue(lateness(events, "yields") >= HELD_NS, events.toString());
    }

    /** From when the core ended its wait, not from when the wait began. */
    @Test
    void shouldNameWhoRunsLateAfterAWait() throws Exception {
        long[] between = new long[2];
        List<RecordedEvent> events = record(r -> r.enable(LATE), crew -> {
            AtomicReference<Strand> slow = new AtomicReference<>();
            AtomicReference<Strand> quick = new AtomicReference<>();
            crew.spawn("waits for slow", () -> {
                slow.get().join();
                between[1] = System.nanoTime();
            });
            crew.spawn("waits for quick", () -> quick.get().join());
            quick.set(crew.spawn("quick", () -> { }));
            slow.set(crew.spawn("slow", () -> {
                hold();
                between[0] = System.nanoTime();
            }));
        });
        assertTrue(lateness(events, "waits for quick") >= HELD_NS, events.toString());
        assertTrue(lateness(events, "waits for slow") <= between[1] - between[0],
                events.toString());
    }

    /** 0 where it was in time. */
    private static long lateness(List<RecordedEvent> events, String strand) {
        return events.stream().filter(e -> e.getString("strand").equals(strand))
                .mapToLong(e -> e.getDuration("lateBy").toNanos()).max().orElse(0);
    }

    @Test
    void shouldNameWhoRunsLateAfterAnUnpark() throws Exception {
        Support.onlyMounted();
        List<RecordedEvent> events = record(r -> r.enable(LATE), crew -> {
            Strand late = crew.spawn("late", LockSupport::park);
            crew.spawn("unparks", () -> LockSupport.unpark(late.thread()));
            crew.spawn("holds", RecorderTest::hold);
        });
        assertTrue(lateness(events, "late") >= HELD_NS, events.toString());
    }

    @Test
    void shouldRecordNothingUnasked() throws Exception {
        List<RecordedEvent> events = record(r -> { }, crew -> {
            Strand gate = crew.spawn("gate", RecorderTest::hold);
            crew.spawn("joins", gate::join);
        });
        assertEquals(List.of(), events);
    }

    /** Whether the recorder is there, and a strand's answer. */
    static final class Program {
        public static void main(String[] words) {
            Strands.spawn(() -> Strands.println("on: " + Recorder.isOn() + ", JFR: "
                    + ModuleLayer.boot().findModule("jdk.jfr").isPresent()));
            Strands.run();
        }
    }

    @Test
    void shouldRunOnAJdkWithoutRecordings() throws Exception {
        ChildJvm.Result result = ChildJvm.likeThis()
                .options("--limit-modules", "java.base,java.management")
                .run(Program.class.getName());
        assertEquals("on: false, JFR: false\n", result.out(), result.err());
    }
}
