// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Several threads at one scheduler that does not run: one after the other. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class OutsideTest {
    /** Runs a body on a thread of its own while the caller has the scheduler's core. */
    private static void meanwhile(Scheduler scheduler, Support.Body body) throws Exception {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        AtomicReference<Thread.State> waited = new AtomicReference<>();
        Thread other = new Thread(() -> {
            try {
                body.run();
            } catch (Throwable failed) {
                thrown.set(failed);
            }
        });
        assertTrue(scheduler.whileIdle(() -> Support.body(() -> {
            other.start();
            Support.until(() -> other.getState() == Thread.State.WAITING || !other.isAlive());
            waited.set(other.getState());
        }).run()));
        other.join();
        assertNull(thrown.get());
        assertEquals(Thread.State.WAITING, waited.get());
    }

    @Test
    void shouldLetARunWait() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            Strand strand = crew.spawn("strand", () -> {});
            meanwhile(crew.scheduler, crew::run);
            assertTrue(strand.isDone());
        }
    }

    @Test
    void shouldLetTheSchedulersCloseWait() throws Exception {
        Scheduler scheduler = Scheduler.open();
        Strand strand = scheduler.spawn(() -> {});
        meanwhile(scheduler, scheduler::close);
        assertTrue(strand.isDone());
    }

    @Test
    void shouldLetAnotherCloseWait() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Support.Pipe> pipe = new AtomicReference<>();
            crew.spawn("opener", () -> pipe.set(Support.Pipe.open()));
            crew.run();
            meanwhile(crew.scheduler, () -> pipe.get().out().close());
            assertEquals(1, crew.scheduler.stats().spawned());
        }
    }

    /** What the calling thread makes in its default scheduler, while another has that. */
    private static void makeMeanwhile(Support.Body make) throws Exception {
        AtomicReference<Scheduler> scheduler = new AtomicReference<>();
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        AtomicReference<Thread.State> waited = new AtomicReference<>();
        Object lock = new Object();
        boolean[] go = new boolean[1];
        Thread maker = new Thread(() -> {
            try {
                scheduler.set(Strands.scheduler());
                synchronized (lock) {
                    while (!go[0]) {
                        lock.wait(Duration.ofSeconds(60).toMillis());
                    }
                }
                make.run();
            } catch (Throwable failed) {
                thrown.set(failed);
            }
        });
        maker.start();
        Support.until(() -> scheduler.get() != null);
        assertTrue(scheduler.get().whileIdle(() -> Support.body(() -> {
            synchronized (lock) {
                go[0] = true;
                lock.notifyAll();
            }
            Support.until(
                    () -> maker.getState() == Thread.State.WAITING || !maker.isAlive());
            waited.set(maker.getState());
        }).run()));
        maker.join();
        assertNull(thrown.get());
        assertEquals(Thread.State.WAITING, waited.get());
    }

    @Test
    void shouldLetAnOpenWait() throws Exception {
        makeMeanwhile(() -> {
            int[] ends = NativeSupport.pipe();
            LineStream.open(ends[0]).close();
            LineStream.open(ends[1]).close();
        });
    }

    @Test
    void shouldLetAListenWait() throws Exception {
        makeMeanwhile(() -> LineServer.listen("127.0.0.1:0").close());
    }
}
