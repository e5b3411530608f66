// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Semaphore;
import org.cemlang.strand.Strand;
import org.cemlang.strand.Strands;

/** What the soak's Java server does beside its traffic; each round knows what must come of it. */
final class SoakWork {
    private static final int WORKERS = 16;
    private static final int CHILDREN = 100;
    private static final int DEPTH = 2000;

    private final Random random;
    private final List<Strand> workers = new ArrayList<>();
    private boolean working;
    private long rounds;
    private long wrong;

    SoakWork(long seed) {
        random = new Random(seed);
    }

    long rounds() {
        return rounds;
    }

    long wrong() {
        return wrong;
    }

    void begin() {
        working = true;
        for (int i = 0; i < WORKERS; i++) {
            workers.add(Soak.spawn(this::work));
        }
    }

    void end() throws InterruptedException {
        working = false;
        for (Strand worker : workers) {
            worker.join();
        }
        workers.clear();
    }

    private void work() {
        try {
            while (working) {
                round(random.nextInt(5));
                rounds++;
                Strands.sleep(Duration.ofMillis(50 + random.nextInt(100)));
            }
        } catch (Exception e) {
            expect(false, e.toString());
        }
    }

    private void round(int kind) throws Exception {
        switch (kind) {
            case 0 -> sumOfChildren();
            case 1 -> cancelSleepers();
            case 2 -> {
                int depth = random.nextInt(DEPTH);
                expect(sumOfLevels(depth) == depth * (depth + 1L) / 2, "the sum of the levels");
            }
            case 3 -> passAToken();
            default -> {
                int number = random.nextInt();
                expect(Strands.blocking(() -> number + 1) == number + 1, "blocking");
            }
        }
    }

    private void expect(boolean well, String what) {
        if (!well && ++wrong <= 20) {
            System.err.println("soak: wrong: " + what);
        }
    }

    private void sumOfChildren() throws InterruptedException {
        long[] sum = {0};
        long expected = 0;
        List<Strand> children = new ArrayList<>();
        for (int i = 0; i < CHILDREN; i++) {
            int number = random.nextInt(1000);
            expected += number;
            children.add(Soak.spawn(() -> {
                Strands.yield();
                sum[0] += number;
            }));
        }
        for (Strand child : children) {
            child.join();
        }
        expect(sum[0] == expected, "the sum of the children");
    }

    private void cancelSleepers() throws InterruptedException {
        int[] met = {0};
        List<Strand> sleepers = new ArrayList<>();
        for (int i = 0; i < CHILDREN / 4; i++) {
            sleepers.add(Soak.spawn(() -> {
                try {
                    Strands.sleep(Duration.ofHours(1));
                } catch (CancellationException e) {
                    met[0]++;
                } catch (InterruptedException e) {
                    expect(false, "interrupted");
                }
            }));
        }
        Strands.sleep(Duration.ofMillis(random.nextInt(5)));
        for (Strand sleeper : sleepers) {
            expect(!sleeper.isDone(), "asleep");
            sleeper.cancel();
            sleeper.join();
        }
        expect(met[0] == sleepers.size(), "what the canceled have met");
    }

    private static long sumOfLevels(int depth) {
        if (depth == 0) {
            Strands.yield();      // at the bottom, so that all of it is put aside
            return 0;
        }
        return depth + sumOfLevels(depth - 1);
    }

    private void passAToken() throws InterruptedException {
        Semaphore there = new Semaphore(0);
        Semaphore back = new Semaphore(0);
        int[] passed = {0};
        Strand other = Soak.spawn(() -> {
            for (int i = 0; i < CHILDREN; i++) {
                there.acquireUninterruptibly();
                passed[0]++;
                back.release();
            }
        });
        for (int i = 0; i < CHILDREN; i++) {
            there.release();
            back.acquire();
        }
        other.join();
        expect(passed[0] == CHILDREN, "the token");
    }
}
