// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Strands that cannot leave their carrier, whatever keeps them there, and what becomes of waits. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class PinnedTest {
    /** What the initialisers below run, each once. */
    private static Support.Body initialiser;

    private static boolean run() {
        Support.body(initialiser).run();
        return true;
    }

    private static final class ForATime {
        static final boolean RAN = run();
    }

    private static final class ForADescriptor {
        static final boolean RAN = run();
    }

    private static final class ForAStrand {
        static final boolean RAN = run();
    }

    private static final class InALock {
        static final boolean RAN = run();
    }

    private enum Cause {
        CLASS_INITIALISER("class initialiser of ") {
            @Override
            void pin(Class<?> initialised, Support.Body body) throws Exception {
                initialiser = body;
                Class.forName(initialised.getName());
            }
        },
        NATIVE_FRAME("native method " + NativeSupport.class.getName() + ".callBack") {
            @Override
            void pin(Class<?> initialised, Support.Body body) {
                NativeSupport.callBack(Support.body(body));
            }
        },
        MONITOR("holds a monitor") {
            @Override
            void pin(Class<?> initialised, Support.Body body) throws Exception {
                synchronized (this) {
                    body.run();
                }
            }
        };

        /** As the refusal of a wait names it. */
        final String words;

        Cause(String words) {
            this.words = words;
        }

        abstract void pin(Class<?> initialised, Support.Body body) throws Exception;

        void onlyWhereItPins() {
            int feature = Runtime.version().feature();
            assumeTrue(this != MONITOR || feature < 24, "JDK " + feature + " does not pin there");
        }
    }

    @BeforeEach
    void onlyMounted() {
        Support.onlyMounted();
    }

    @ParameterizedTest
    @EnumSource(Cause.class)
    void shouldWaitForATimeInPlace(Cause cause) {
        cause.onlyWhereItPins();
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("pinned", () -> {
                cause.pin(ForATime.class, () -> Strands.sleep(Duration.ofMillis(5)));
                order.append("pinned ");
            });
            crew.spawn("other", () -> order.append("other"));
            crew.run();
            assertEquals(1, crew.scheduler.stats().pinnedWaits());
        }
        assertEquals("pinned other", order.toString());
    }

    @ParameterizedTest
    @EnumSource(Cause.class)
    void shouldWaitForADescriptorInPlace(Cause cause) throws Exception {
        cause.onlyWhereItPins();
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            int[] ends = NativeSupport.pipe();
            Thread writer = new Thread(Support.body(() -> {
                Support.until(() -> crew.scheduler.stats().pinnedWaits() == 1);
                try (Support.Crew other = new Support.Crew()) {
                    other.spawn("writes", () -> {
                        try (LineStream out = LineStream.open(ends[1])) {
                            out.writeLine("a line");
                        }
                    });
                    other.run();
                }
            }));
            writer.start();
            crew.spawn("pinned", () -> {
                try (LineStream in = LineStream.open(ends[0])) {
                    cause.pin(ForADescriptor.class, () -> order.append(in.readLine()));
                }
            });
            crew.spawn("other", () -> order.append(", other"));
            crew.run();
            writer.join();
        }
        assertEquals("a line, other", order.toString());
    }

    @ParameterizedTest
    @EnumSource(Cause.class)
    void shouldRefuseAWaitThatOnlyAnotherStrandCanEnd(Cause cause) {
        cause.onlyWhereItPins();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("pinned", () -> cause.pin(ForAStrand.class, () -> {
                Strand other = Strands.spawn(() -> { });
                String message = assertThrows(IllegalStateException.class, other::join)
                        .getMessage();
                assertTrue(message.contains("Strand[pinned] would wait for another strand"), message);
                assertTrue(message.contains(cause.words), message);
            }));
            crew.run();
            assertEquals(0, crew.scheduler.stats().pinnedWaits());
        }
    }

    @Test
    void shouldEndAWaitInPlaceByAnInterrupt() {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("pinned", () -> NativeSupport.callBack(Support.body(() -> {
                Strands.yield();
                Thread.currentThread().interrupt();
                assertThrows(InterruptedException.class,
                        () -> Strands.sleep(Duration.ofHours(1)));
            })));
            crew.run();
        }
    }

    /** What pins on no JDK any more, or on none but some: those park, and count for nothing. */
    @Test
    void shouldParkInAMonitorWhereThatDoesNotPin() {
        assumeTrue(Runtime.version().feature() >= 24, "a monitor pins there");
        StringBuilder order = new StringBuilder();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("parks", () -> Cause.MONITOR.pin(InALock.class, () -> {
                Strands.sleep(Duration.ofMillis(5));
                order.append("parked");
            }));
            crew.spawn("other", () -> order.append("other "));
            crew.run();
            assertEquals(0, crew.scheduler.stats().pinnedWaits());
        }
        assertEquals("other parked", order.toString());
    }
}
