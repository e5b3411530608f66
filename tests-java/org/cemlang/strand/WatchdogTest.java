// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.PrintStream;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who holds everybody up is named; and holds on here until that has happened. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class WatchdogTest {
    private static final PrintStream STANDARD_ERROR = System.err;
    private static final long PATIENCE_NS = Watchdog.patienceNs;

    /** What the watchdog has said of 'culprit'. */
    private static volatile String said;

    private static boolean isNamed() {
        return said != null;
    }

    @BeforeEach
    void listen() {
        said = null;
        Watchdog.patienceNs = 200_000_000;
        System.setErr(new PrintStream(STANDARD_ERROR, true) {
            @Override
            public void println(String line) {
                if (line.startsWith("strand: 'culprit' has held ")) {
                    said = line;
                } else {
                    super.println(line);
                }
            }
        });
    }

    @AfterEach
    void listenNoMore() {
        System.setErr(STANDARD_ERROR);
        Watchdog.patienceNs = PATIENCE_NS;
    }

    /** What is said of a strand that another waits behind; that one runs in the end. */
    private static String saidOf(Support.Body culprit) {
        AtomicBoolean ran = new AtomicBoolean();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("culprit", culprit);
            crew.spawn("victim", () -> ran.set(true));
            crew.run();
            assertEquals("culprit", crew.scheduler.stats().carrierHolder());
            assertEquals(1, crew.scheduler.stats().carrierHolds());
        }
        assertTrue(ran.get());
        return said;
    }

    private static void parkUntilNamed(Object blocker) {
        while (!isNamed()) {
            LockSupport.parkNanos(blocker, 10_000_000);
        }
    }

    @Test
    void shouldNameWhoComputes() {
        String line = saidOf(() -> {
            while (!isNamed()) {
                Thread.onSpinWait();
            }
        });
        String held = Support.mounted() ? "the carrier for " : "the baton for ";
        assertTrue(line.contains(held + "200 ms while RUNNABLE"), line);
        assertTrue(line.contains("org.cemlang.strand.WatchdogTest."), line);
    }

    private static final class Initialised {
        static {
            parkUntilNamed("the lock");
        }

        static void touch() {}
    }

    @Test
    void shouldNameWhoWaitsInAClassInitialiser() {
        String line = saidOf(Initialised::touch);
        assertTrue(line.contains("WAITING on java.lang.String@"), line);
        if (Support.mounted()) {
            assertTrue(line.contains("the carrier, pinned, for 200 ms"), line);
            assertTrue(line.contains("class initialiser of "
                    + Initialised.class.getName()), line);
        }
    }

    @Test
    void shouldNameWhoWaitsUnderANativeFrame() {
        String line = saidOf(() -> NativeSupport.callBack(() -> parkUntilNamed("the lock")));
        assertTrue(line.contains("WAITING on java.lang.String@"), line);
        if (Support.mounted()) {
            assertTrue(line.contains("the carrier, pinned, for 200 ms"), line);
            assertTrue(line.contains("native method " + NativeSupport.class.getName()
                    + ".callBack"), line);
        }
    }

    @Test
    void shouldNameWhoWaitsInAMonitor() {
        int feature = Runtime.version().feature();
        assumeTrue(!Support.mounted() || feature < 24, "JDK " + feature + " does not pin there");
        String line = saidOf(() -> {
            synchronized (this) {
                parkUntilNamed("the lock");
            }
        });
        assertTrue(line.contains("WAITING on java.lang.String@"), line);
    }

    /** A wait of ours, done in place since the strand cannot leave. */
    @Test
    void shouldNameWhoWaitsInPlace() {
        Support.onlyMounted();
        String line = saidOf(() -> NativeSupport.callBack(Support.body(() -> {
            while (!isNamed()) {
                Strands.sleep(Duration.ofMillis(500));
            }
        })));
        assertTrue(line.contains("the carrier, pinned, for 200 ms"), line);
        assertTrue(line.contains("native method " + NativeSupport.class.getName()), line);
    }

    /** The JDK's calls do not pass the baton: who waits for a lock keeps it, and holds up its owner. */
    @Test
    void shouldNameTheLockThatTheHolderOfTheBatonWaitsFor() throws Exception {
        assumeTrue(!Support.mounted(), "a mounted strand leaves its carrier there");
        ReentrantLock lock = new ReentrantLock();
        Thread owner = owning(lock);
        String line = saidOf(lock::lock);
        assertTrue(line.contains("the baton for 200 ms while WAITING on "
                + "java.util.concurrent.locks.ReentrantLock$NonfairSync@"), line);
        owner.join();
    }

    /** A thread that has the lock, and lets it go when the watchdog has spoken. */
    private static Thread owning(ReentrantLock lock) throws InterruptedException {
        CountDownLatch owned = new CountDownLatch(1);
        Thread owner = new Thread(() -> {
            lock.lock();
            owned.countDown();
            parkUntilNamed(lock);
            lock.unlock();
        });
        owner.start();
        owned.await();
        return owner;
    }

    @Test
    void shouldNameTheMonitorThatTheHolderOfTheBatonWaitsFor() throws Exception {
        assumeTrue(!Support.mounted(), "a mounted strand leaves its carrier there, from JDK 24 on");
        CountDownLatch owned = new CountDownLatch(1);
        Thread owner = new Thread(() -> {
            synchronized (this) {
                owned.countDown();
                parkUntilNamed(this);
            }
        });
        owner.start();
        owned.await();
        String line = saidOf(() -> {
            synchronized (this) {
                assertTrue(isNamed());
            }
        });
        assertTrue(line.contains("the baton for 200 ms while BLOCKED"), line);
        assertTrue(line.contains(Runtime.version().feature() >= 21
                ? "WatchdogTest" : " on " + WatchdogTest.class.getName() + "@"), line);
        owner.join();
    }

    /** Strands that wait in calls of ours, however long, hold up nobody; nor does one alone. */
    @Test
    void shouldNameNobodyWhoHoldsUpNobody() {
        AtomicReference<Strand> computes = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            computes.set(crew.spawn("culprit", () -> {
                long endNs = System.nanoTime() + 3 * Watchdog.patienceNs;
                while (System.nanoTime() < endNs) {
                    Thread.onSpinWait();
                }
            }));
            crew.run();
            crew.spawn("culprit", () -> Strands.sleep(Duration.ofMillis(600)));
            crew.run();
        }
        assertEquals(null, said);
    }
}
