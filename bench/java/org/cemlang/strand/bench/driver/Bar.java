// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.util.List;
import java.util.Locale;

/** What a figure of ours must keep to: as a ratio to a peer's, or, without a peer, by itself. */
record Bar(String group, String figure, String ours, String peer, boolean atMost, double limit,
        int rounds) {
    static final int ROUNDS = 7;
    private static final int CLOSE_ROUNDS = 15;
    private static final double CLOSE = 0.20;
    private static final String NOBODY = "";

    private static final List<Bar> ALL = List.of(
            most("context", "switch", "strand", "boost-context", 0.5),
            most("context", "switch", "strand", "ucontext", 1 / 50.0),
            most("context", "switch", "strand", NOBODY, 100),
            most("yield", "1000", "strand", "go", 1 / 7.0),
            most("yield", "1000", "strand", "erlang", 1 / 11.0),
            most("yield", "1000000", "strand", "ring", 1.25),
            most("yield", "1000000", "strand-dense", NOBODY, 45),
            most("spawn", "warm", "strand", "go", 1 / 6.0),
            most("park", "500000 memory", "strand", NOBODY, 2.5e9 / 500_000),
            most("park", "1000000 cold", "strand", "touch", 1.7),
            most("park", "1000000 wake", "strand", NOBODY, 500),
            most("park", "1000000 memory", "strand", NOBODY, 5 * 1024),
            most("park", "1000000 memory", "strand-dense", NOBODY, 4.4 * 1024),
            new Bar("file", "c", "strand", "getline", false, 0.6, ROUNDS),
            new Bar("file", "java", "strand-java", "buffered-reader", false, 0.5, ROUNDS),
            new Bar("java", "yield 1000", "strand-java", "jdk-virtual", true, 1.05, CLOSE_ROUNDS));

    private static Bar most(String group, String figure, String ours, String peer, double limit) {
        return new Bar(group, figure, ours, peer, true, limit, ROUNDS);
    }

    static List<Bar> of(Case c) {
        return ALL.stream().filter(b -> b.group.equals(c.group()) && c.figures().contains(b.figure))
                .toList();
    }

    boolean isRatio() {
        return !peer.equals(NOBODY);
    }

    boolean isMet(double value) {
        return atMost ? value <= limit : value >= limit;
    }

    /** Its own number, and more where it is close. */
    int roundsFor(double value) {
        return Math.abs(value / limit - 1) < CLOSE ? CLOSE_ROUNDS : rounds;
    }

    /** What is held against the limit, and the limit, without verdict. */
    String toString(double value, double least, double most, String unit) {
        String form = isRatio() ? "%.3f" : "%,.1f";
        String pattern = "%s is " + form + " (" + form + " to " + form + ")%s, at %s " + form;
        return String.format(Locale.ROOT, pattern, isRatio() ? ours + " / " + peer : ours, value,
                least, most, isRatio() ? "" : " " + unit, atMost ? "most" : "least", limit);
    }
}
