// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class ManyStrandsTest {
    private static final int STRANDS = 1_000;
    private static final int LINES = 1_000;

    /** The whole of a conversation: every line of every strand, in order, and nothing else. */
    @Test
    void shouldLoseAndMixNothingOverPipesAndTcpAtOnce() {
        AtomicInteger whole = new AtomicInteger();
        try (Support.Crew crew = new Support.Crew()) {
            overPipes(crew, whole);
            overTcp(crew, whole);
            crew.run();
            assertEquals(2 * STRANDS, whole.get());
            assertEquals(STRANDS * LINES + 2L * STRANDS * LINES, crew.scheduler.stats().linesIn());
        }
    }

    private static void overPipes(Support.Crew crew, AtomicInteger whole) {
        for (int i = 0; i < STRANDS; i++) {
            int number = i;
            crew.spawn("pipe " + i, () -> {
                int[] ends = NativeSupport.pipe();
                LineStream in = LineStream.open(ends[0]);
                Strands.spawn(Support.body(() -> {
                    try (LineStream out = LineStream.open(ends[1])) {
                        say(out, number);
                    }
                }));
                hear(in, number);
                assertNull(in.readLine());
                in.close();
                whole.incrementAndGet();
            });
        }
    }

    private static void overTcp(Support.Crew crew, AtomicInteger whole) {
        crew.spawn("server", () -> {
            LineServer server = LineServer.listen("127.0.0.1:0");
            for (int i = 0; i < STRANDS; i++) {
                int number = STRANDS + i;
                crew.spawn("client " + i, () -> {
                    try (LineStream peer = LineStream.connect(server.address())) {
                        Strand speaker = Strands.spawn(Support.body(() -> {
                            say(peer, number);
                            peer.flush();
                        }));
                        hear(peer, number);
                        speaker.join();
                    }
                    whole.incrementAndGet();
                });
            }
            for (int i = 0; i < STRANDS; i++) {
                LineStream peer = server.accept();
                crew.spawn("server " + i, () -> echo(peer));
            }
            server.close();
        });
    }

    private static void say(LineStream out, int number) throws Exception {
        for (int k = 0; k < LINES; k++) {
            out.writeLine(number + " " + k);
        }
    }

    private static void hear(LineStream in, int number) throws Exception {
        for (int k = 0; k < LINES; k++) {
            assertEquals(number + " " + k, in.readLine());
        }
    }

    private static void echo(LineStream peer) throws Exception {
        try (peer) {
            String line;
            while ((line = peer.readLine()) != null) {
                peer.writeLine(line);
            }
        }
    }

    @Test
    void shouldWakeManyParkedStrandsInTheOrderInWhichTheyParked() {
        int count = Support.mounted() ? 10_000 : 2_000;
        List<Integer> order = new ArrayList<>();
        List<Integer> expected = new ArrayList<>();
        try (Support.Crew crew = new Support.Crew()) {
            AtomicInteger arrived = new AtomicInteger();
            Strand gate = crew.spawn("gate", () -> {
                while (arrived.get() < count) {
                    Strands.yield();
                }
            });
            for (int i = 0; i < count; i++) {
                int number = i;
                expected.add(i);
                crew.scheduler.spawn(Support.body(() -> {
                    arrived.incrementAndGet();
                    gate.join();
                    order.add(number);
                }));
            }
            crew.run();
            assertEquals(count, crew.scheduler.stats().wakes());
        }
        assertEquals(expected, order);
    }

    /** The deadlock check must not take a bare park for one: a thread can end it. */
    @Test
    void shouldSleepUntilAThreadWakesABarePark() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicInteger state = new AtomicInteger();
            Thread[] parked = new Thread[1];
            crew.spawn("parked", () -> {
                parked[0] = Thread.currentThread();
                state.set(1);
                while (state.get() < 2) {
                    LockSupport.park();
                }
            });
            Thread waker = new Thread(Support.body(() -> {
                Support.until(() -> state.get() == 1
                        && parked[0].getState() == Thread.State.WAITING);
                state.set(2);
                LockSupport.unpark(parked[0]);
            }));
            waker.start();
            crew.run();
            waker.join();
            assertEquals(2, state.get());
        }
    }
}
