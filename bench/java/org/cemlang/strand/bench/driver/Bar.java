// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.util.List;

/** What a figure of ours must keep to, as a ratio to a peer's. */
record Bar(String group, String figure, String ours, String peer, boolean atMost, double limit,
        int rounds) {
    static final int ROUNDS = 7;
    private static final int CLOSE_ROUNDS = 15;
    private static final double CLOSE = 0.20;

    private static final List<Bar> ALL = List.of(
            new Bar("context", "switch", "strand", "boost-context", true, 0.6, ROUNDS),
            new Bar("yield", "1000", "strand", "go", true, 0.25, ROUNDS),
            new Bar("file", "c", "strand", "getline", false, 0.6, ROUNDS),
            new Bar("file", "java", "strand-java", "buffered-reader", false, 0.5, ROUNDS),
            new Bar("java", "yield 1000", "strand-java", "jdk-virtual", true, 1.05, CLOSE_ROUNDS));

    static List<Bar> of(Case c) {
        return ALL.stream().filter(b -> b.group.equals(c.group()) && c.figures().contains(b.figure))
                .toList();
    }

    boolean isMet(double ratio) {
        return atMost ? ratio <= limit : ratio >= limit;
    }

    /** Its own number, and more where it is close. */
    int roundsFor(double ratio) {
        return Math.abs(ratio / limit - 1) < CLOSE ? CLOSE_ROUNDS : rounds;
    }
}
