// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The cases with many workers at once, each measured once a JVM: {@code park N} and {@code skynet N}. */
final class Crowd {
    private static final Workers SYSTEM = Workers.SYSTEM;
    private static final int WARM_WORKERS = 2_000;
    private static final int WARM_RUNS = 50;
    private static final int BRANCHES = 10;
    private static final int SKYNETS = 5;

    private int parked;

    private Crowd() {}

    /** Until all are parked, in ns a worker; the JIT is warm, the memory is not. */
    static double parkColdNs(int workers) {
        for (int i = 0; i < WARM_RUNS; i++) {
            new Crowd().park(WARM_WORKERS, () -> {}, took -> {});
        }
        double[] ns = new double[1];
        new Crowd().park(workers, () -> {}, took -> ns[0] = took);
        return ns[0];
    }

    /**
     * What one parked worker adds to the live heap, after a full collection, and to the process's
     * memory outside the heap. The heap is all resident from the start.
     */
    static double parkMemoryBytes(int workers) {
        new Crowd().park(BRANCHES, () -> memoryBytes(), took -> memoryBytes());   // loads the classes
        long[] bytes = new long[2];
        new Crowd().park(workers, () -> bytes[0] = memoryBytes(), took -> bytes[1] = memoryBytes());
        return (bytes[1] - bytes[0]) / (double) workers;
    }

    private interface Took {
        void ns(double aWorker);
    }

    private void park(int workers, Runnable before, Took then) {
        SYSTEM.run(() -> {
            Workers.Gate gate = SYSTEM.gate(workers);
            Object[] started = new Object[workers];
            before.run();
            long begin = System.nanoTime();
            for (int i = 0; i < workers; i++) {
                int index = i;
                started[i] = SYSTEM.start(() -> {
                    parked++;
                    gate.await(index);
                });
            }
            while (parked < workers) {
                SYSTEM.yieldTurn();
            }
            then.ns((System.nanoTime() - begin) / (double) workers);
            gate.open();
        });
    }

    private static long memoryBytes() {
        System.gc();
        Runtime heap = Runtime.getRuntime();
        return heap.totalMemory() - heap.freeMemory() + residentBytes();
    }

    private static long residentBytes() {
        try {
            long kib = 0;
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("VmRSS:") || line.startsWith("VmPTE:")) {
                    kib += Long.parseLong(line.replaceAll("\\D", ""));
                }
            }
            return kib * 1024;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /**
     * A tree of workers, ten children each, that sums 0..n-1 by joins: ms a run, the mean of five
     * after five others. In the first ones all park in code that was compiled before it saw anyone
     * resumed, and each is thrown back into the interpreter.
     */
    static double skynetMs(int leaves) {
        skynetMs(leaves, SKYNETS);
        return skynetMs(leaves, SKYNETS);
    }

    private static double skynetMs(int leaves, int runs) {
        long begin = System.nanoTime();
        for (int run = 0; run < runs; run++) {
            long[] sum = new long[1];
            SYSTEM.run(() -> sum[0] = skynet(0, leaves));
            if (sum[0] != (long) leaves * (leaves - 1) / 2) {
                throw new AssertionError("skynet: " + sum[0]);
            }
        }
        return (System.nanoTime() - begin) / 1e6 / runs;
    }

    private static long skynet(long first, int leaves) {
        if (leaves == 1) {
            return first;
        }
        int share = leaves / BRANCHES;
        Object[] children = new Object[BRANCHES];
        long[] sums = new long[BRANCHES];
        for (int i = 0; i < BRANCHES; i++) {
            int branch = i;
            children[i] = SYSTEM.start(
                    () -> sums[branch] = skynet(first + (long) branch * share, share));
        }
        long sum = 0;
        for (int i = 0; i < BRANCHES; i++) {
            SYSTEM.join(children[i]);
            sum += sums[i];
        }
        return sum;
    }
}
