// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What Java does on the core's fields by itself: as if each had been a call. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class CoreMemoryTest {
    @BeforeEach
    void onlyMounted() {
        Support.onlyMounted();
    }

    @Test
    void shouldFindItsWayToTheCore() {
        assertTrue(CoreMemory.isReachable());
        try (Scheduler scheduler = Scheduler.open()) {
            assertNotNull(scheduler.window);
        }
    }

    @Test
    void shouldFindABlockWhereTheLibraryFindsIt() {
        List<Long> places = new ArrayList<>();
        inTurn(() -> {
            Strand self = Strands.current();
            places.add(self.control() - Native.control(self.slot()));
            places.add(self.id() - Native.id(self.control()));
        });
        assertEquals(List.of(0L, 0L), places);
    }

    @Test
    void shouldKeepOneOrderForWhatCallsAndWhatDoesNot() {
        StringBuilder order = new StringBuilder();
        AtomicReference<Thread> parked = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("in the JDK", () -> {
                parked.set(Thread.currentThread());
                LockSupport.park();
                order.append("parked ");
            });
            Strand first = crew.spawn("first", () -> Strands.yield());
            crew.spawn("joiner", () -> {
                first.join();
                order.append("joined");
            });
            crew.spawn("waker", () -> {
                Strands.spawn(() -> order.append("spawned "));
                LockSupport.unpark(parked.get());
                Strands.spawn("named", () -> order.append("named "));
                Strands.yield();
                order.append("yielded ");
            });
            crew.run();
        }
        assertEquals("spawned parked named yielded joined", order.toString());
    }

    @Test
    void shouldCountWhatIsDoneWithoutACall() {
        int strands = 300;
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("spawner", () -> {
                for (int i = 0; i < strands; i++) {
                    Thread[] self = new Thread[1];
                    Strands.spawn(() -> {
                        self[0] = Thread.currentThread();
                        Strands.yield();
                        LockSupport.park();
                    });
                    Strands.yield();
                    Strands.yield();
                    LockSupport.unpark(self[0]);
                }
            });
            crew.run();
            Scheduler.Stats stats = crew.scheduler.stats();
            assertEquals(strands + 1, stats.spawned());
            assertEquals(strands + 1, stats.finished());
            assertEquals(strands, stats.wakes());
            assertEquals(0, stats.parked());
            assertEquals(0, stats.ready());
            assertEquals(3 * strands + 2 * strands + 1, stats.switches());
        }
    }

    /** Runs one strand after the other, so that each has the block of the one before. */
    private static void inTurn(Support.Body... bodies) {
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("spawner", () -> {
                for (Support.Body body : bodies) {
                    Strand strand = Strands.spawn(Support.body(body));
                    while (!strand.isDone()) {
                        Strands.yield();
                    }
                }
            });
            crew.run();
        }
    }

    @Test
    void shouldGiveEachStrandOnABlockAnIdOfItsOwn() {
        List<Strand> seen = new ArrayList<>();
        Support.Body body = () -> seen.add(Strands.current());
        inTurn(body, body, body);
        assertEquals(seen.get(0).control(), seen.get(1).control());
        assertNotEquals(seen.get(0).id(), seen.get(1).id());
        assertNotEquals(seen.get(1).id(), seen.get(2).id());
    }

    @Test
    void shouldHandNoCancelOnToTheNextStrandOnABlock() {
        List<Strand> seen = new ArrayList<>();
        inTurn(() -> {
            seen.add(Strands.current());
            seen.get(0).cancel();
        }, () -> {
            seen.add(Strands.current());
            seen.get(0).cancel();
            Strands.sleep(Duration.ofMillis(1));
        });
        assertEquals(seen.get(0).control(), seen.get(1).control());
        assertNull(seen.get(1).failure());
    }

    @Test
    void shouldWakeNobodyByALateCallForTheStrandBeforeOnABlock() {
        List<Strand> seen = new ArrayList<>();
        List<String> order = new ArrayList<>();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("spawner", () -> {
                seen.add(Strands.spawn(() -> order.add("first")));
                Strands.yield();
                seen.add(Strands.spawn(() -> {
                    LockSupport.park();
                    order.add("second");
                }));
                Strands.yield();
                MountedStrand ended = (MountedStrand) seen.get(0);
                ended.execute(VirtualThreads.continuationOf(ended.thread));
                Strands.yield();
                order.add("nobody");
                LockSupport.unpark(((MountedStrand) seen.get(1)).thread);
            });
            crew.run();
            assertEquals(1, crew.scheduler.stats().wakes());
        }
        assertEquals(seen.get(0).control(), seen.get(1).control());
        assertEquals(List.of("first", "nobody", "second"), order);
    }

    @Test
    void shouldEndOneThatIsJoinedByTheCall() {
        List<String> order = new ArrayList<>();
        inTurn(() -> {
            Strand joined = Strands.spawn(() -> order.add("ended"));
            joined.join();
            order.add("joined");
        });
        assertEquals(List.of("ended", "joined"), order);
    }

    @Test
    void shouldRefuseASpawnOnceAStopIsAskedFor() {
        AtomicReference<Throwable> refused = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open()) {
            scheduler.spawn(() -> {
                Strands.spawn(() -> { });      // there are blocks at hand
                scheduler.stop();
                refused.set(assertThrows(RejectedExecutionException.class,
                        () -> Strands.spawn(() -> { })));
            });
            scheduler.run();
        }
        assertNotNull(refused.get());
    }

    @Test
    void shouldKeepToALimitOfStrands() {
        AtomicReference<Throwable> refused = new AtomicReference<>();
        try (Scheduler scheduler = Scheduler.open(new Scheduler.Options().maxStrands(3))) {
            scheduler.spawn(() -> {
                Strands.spawn(() -> { });
                Strands.spawn(() -> { });
                refused.set(assertThrows(RejectedExecutionException.class,
                        () -> Strands.spawn(() -> { })));
            });
            scheduler.run();
        }
        assertNotNull(refused.get());
    }

    @Test
    void shouldLookOutsideWhileStrandsOnlyYield() throws Exception {
        CountDownLatch runs = new CountDownLatch(1);
        boolean[] told = new boolean[1];
        try (Scheduler scheduler = Scheduler.open()) {
            for (int i = 0; i < 3; i++) {
                scheduler.spawn(() -> {
                    runs.countDown();
                    while (!told[0]) {
                        Strands.yield();
                    }
                });
            }
            Thread outside = new Thread(Support.body(() -> {
                runs.await();
                scheduler.spawn(() -> told[0] = true);
            }));
            outside.start();
            scheduler.run();
            outside.join();
        }
        assertTrue(told[0]);
    }
}
