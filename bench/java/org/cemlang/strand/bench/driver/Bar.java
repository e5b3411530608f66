// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

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
            mounted("yield 1000", 1),
            mounted("hand-over", 1),
            mounted("ping-pong", 1),
            mounted("spawn", 0.8),
            mounted("park 1000000 cold", 1.2),
            mounted("park 1000000 memory", 1.15),
            mounted("skynet 1000000", 1),
            most("java", "hand-over", "strand-java-17", "platform-threads-17", 1.3));

    /** What "not behind" means, where two that are alike would each miss it half of the time. */
    private static final double NOISE = 0.05;
    private static final List<Bar> ECHOES = Stream.concat(echoes(), javaEchoes()).toList();

    private static Stream<Bar> echoes() {
        List<Bar> bars = new ArrayList<>();
        for (String name : List.of("100", "1000", "10000", "100x16")) {
            boolean many = name.equals("100x16");
            bars.add(most("echo", name + " cpu", "strand", "epoll-limit", many ? 1.12 : 1.08));
            bars.add(least("echo", name, "strand", "epoll-limit", many ? 0.92 : 0.95));
            for (String peer : List.of("libuv", "go")) {
                bars.add(most("echo", name + " cpu", "strand", peer, 1 + NOISE));
                bars.add(least("echo", name, "strand", peer, 1 - NOISE));
            }
        }
        bars.add(most("echo", "100 p99", "strand", "libuv", 1 + NOISE));
        bars.add(most("echo", "100 p99", "strand", "go", 1 + NOISE));
        return bars.stream();
    }

    private static Stream<Bar> javaEchoes() {
        List<Bar> bars = new ArrayList<>();
        for (String name : List.of("1", "100", "1000", "10000", "100x16")) {
            bars.add(most("echo-java", name + " cpu", "strand-java", "netty-epoll", 1));
        }
        for (String name : List.of("100", "1000")) {
            bars.add(least("echo-java", name, "strand-java", "netty-epoll", 1));
            bars.add(least("echo-java", name, "strand-java", "jdk-virtual", 1.2));
        }
        bars.add(least("echo-java", "100x16", "strand-java", "netty-epoll", 1.2));
        bars.add(least("echo-java", "100x16", "strand-java", "jdk-virtual", 1.1));
        bars.add(most("echo-java", "100 p99", "strand-java", "netty-epoll", 1 + NOISE));
        bars.add(most("echo-java", "100 p99", "strand-java", "jdk-virtual", 1 + NOISE));
        bars.add(most("echo-java", "10000 memory", "strand-java", "netty-epoll", 1));
        return bars.stream();
    }

    private static Bar mounted(String figure, double limit) {
        return new Bar("java", figure, "strand-java", "jdk-virtual", true, limit, CLOSE_ROUNDS);
    }

    private static Bar least(String group, String figure, String ours, String peer, double limit) {
        return new Bar(group, figure, ours, peer, false, limit, ROUNDS);
    }

    private static Bar most(String group, String figure, String ours, String peer, double limit) {
        return new Bar(group, figure, ours, peer, true, limit, ROUNDS);
    }

    static List<Bar> of(Case c) {
        return Stream.of(ALL, ECHOES).flatMap(List::stream)
                .filter(b -> b.group.equals(c.group()) && c.figures().contains(b.figure))
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
