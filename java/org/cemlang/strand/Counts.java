// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.ArrayList;
import java.util.List;

/** What a scheduler has counted, as cpp/jni/scheduler_glue.c lays it out. */
final class Counts {
    private static final int LIVE = 0;
    private static final int SWITCHES = 5;
    private static final int FIRST_CLASS = 23;
    private static final int CLASSES = 7;
    private static final int NUMBERS_A_CLASS = 4;
    private static final int NAMES = 3;

    private final long[] numbers = new long[FIRST_CLASS + NUMBERS_A_CLASS * CLASSES];
    private final String[] names = new String[NAMES];

    private Counts() {}

    /** @throws IllegalStateException when it is closed */
    static Scheduler.Stats stats(Core core, Scheduler.CarrierHolds holds) {
        Counts counts = new Counts();
        int status;
        core.enterOpen();
        try {
            status = Native.stats(core.handle(), counts.numbers, counts.names);
        } finally {
            core.leave();
        }
        if (status < 0) {
            throw Failure.misuse(status, "stats");
        }
        return counts.stats(holds);
    }

    /** Strands now; 0 once closed. */
    static long live(Core core) {
        return number(core, LIVE);
    }

    /** So far; 0 once closed. */
    static long switches(Core core) {
        return number(core, SWITCHES);
    }

    private static long number(Core core, int index) {
        Counts counts = new Counts();
        if (core.enter()) {
            try {
                Native.stats(core.handle(), counts.numbers, counts.names);
            } finally {
                core.leave();
            }
        }
        return counts.numbers[index];
    }

    private Scheduler.Stats stats(Scheduler.CarrierHolds holds) {
        long[] n = numbers;
        return new Scheduler.Stats(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9],
                n[10], n[11], n[12], n[13], n[14], n[15], n[16], n[17], n[18], n[19], n[20], n[21],
                n[22], stackClasses(), names[0], names[1], names[2], holds.count(), holds.lastBy());
    }

    private List<Scheduler.StackClass> stackClasses() {
        List<Scheduler.StackClass> all = new ArrayList<>(CLASSES);
        for (int at = FIRST_CLASS; at < numbers.length; at += NUMBERS_A_CLASS) {
            all.add(new Scheduler.StackClass(
                    numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]));
        }
        return List.copyOf(all);
    }
}
