// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.util.ArrayList;
import java.util.List;

/** One start of each system. It may give several figures; ours is the first system. */
record Case(String group, String name, String unit, List<String> figures, List<String> systems) {
    static final List<String> GROUPS =
            List.of("context", "yield", "spawn", "park", "file", "memory-profile", "java", "echo",
                    "echo-java");

    static List<Case> of(String group) {
        List<String> native_ = List.of("strand", "strand-8k", "strand-ucontext", "strand-dense",
                "ring", "ring-dense", "boost-fiber", "libdill", "go", "erlang");
        List<String> parking = new ArrayList<>(native_);
        parking.add(1, "strand-bare-park");
        parking.add(parking.indexOf("ring"), "touch");
        List<String> java = List.of("strand-java", "strand-java-baton", "jdk-virtual");
        List<String> mounted = List.of("strand-java", "jdk-virtual");
        List<Case> cases = new ArrayList<>();
        switch (group) {
            case "context" -> cases.add(single(group, "switch", "ns",
                    List.of("strand", "strand-ucontext", "boost-context", "ucontext")));
            case "yield" -> {
                for (int n = 1; n <= 1_000_000; n *= 10) {
                    cases.add(single(group, Integer.toString(n == 1 ? 2 : n), "ns", native_));
                }
            }
            case "spawn" -> cases.add(single(group, "warm", "ns", native_));
            case "park" -> {
                for (String n : List.of("100000", "500000", "1000000")) {
                    cases.add(new Case(group, n, "ns",
                            List.of(n + " cold", n + " warm", n + " wake", n + " memory"), parking));
                }
            }
            case "file" -> {
                cases.add(single(group, "c", "MB/s", List.of("strand", "getline")));
                cases.add(single(group, "java", "MB/s", List.of("strand-java", "buffered-reader")));
            }
            case "memory-profile" -> cases.add(new Case(group, "strand", "bytes",
                    List.of("before", "loaded", "idle"), List.of("strand")));
            case "java" -> {
                cases.add(single(group, "hand-over", "ns",
                        List.of("strand-java", "strand-java-baton", "jdk-virtual", "strand-java-17",
                                "platform-threads-17")));
                cases.add(single(group, "yield 2", "ns", java));
                cases.add(single(group, "yield 1000", "ns", java));
                cases.add(single(group, "spawn", "ns", java));
                cases.add(single(group, "ping-pong", "ns", mounted));
                cases.add(single(group, "park 1000000 cold", "ns", mounted));
                cases.add(single(group, "park 1000000 memory", "bytes", mounted));
                cases.add(single(group, "skynet 1000000", "ms", mounted));
                cases.add(single(group, "park 10000 cold", "ns", java));
                cases.add(single(group, "park 10000 memory", "bytes", java));
                cases.add(single(group, "skynet 10000", "ms", java));
            }
            case "echo" -> addEchoes(cases, group,
                    List.of("strand", "epoll-limit", "libuv", "go"));
            case "echo-java" -> addEchoes(cases, group, List.of("strand-java", "strand-java-bytes",
                    "strand-java-17", "netty-epoll", "netty-epoll-strings", "jdk-virtual"));
            default -> throw new IllegalArgumentException(group);
        }
        return cases;
    }

    /** By connections, with one line in flight on each, or as many as stand behind the x. */
    private static void addEchoes(List<Case> cases, String group, List<String> systems) {
        for (String name : List.of("1", "100", "1000", "10000", "100x16")) {
            List<String> figures = new ArrayList<>(List.of(name, name + " p50", name + " p99",
                    name + " cpu"));
            if (name.equals("10000")) {
                figures.add(name + " memory");
            }
            cases.add(new Case(group, name, "lines/s", figures, systems));
        }
    }

    private static Case single(String group, String name, String unit, List<String> systems) {
        return new Case(group, name, unit, List.of(name), systems);
    }

    String unitOf(String figure) {
        return switch (figure.substring(figure.lastIndexOf(' ') + 1)) {
            case "wake" -> "ms";
            case "memory" -> "bytes";
            case "p50", "p99" -> "us";
            case "cpu" -> "ns";
            default -> unit;
        };
    }

    /** The number in its name, or 0: how many strands it holds at once. */
    long strands() {
        String digits = name.replaceAll("\\D", "");
        return digits.isEmpty() ? 0 : Long.parseLong(digits);
    }

    boolean isFile() {
        return group.equals("file");
    }

    boolean isJava() {
        return group.endsWith("java") || name.equals("java");
    }

    /** A server on one core, under load from another. */
    boolean isEcho() {
        return group.startsWith("echo");
    }

    /** What its programs want as arguments. */
    List<String> arguments() {
        return isFile() && !isJava() ? List.of() : List.of(group, name);
    }

    @Override
    public String toString() {
        return group + " " + name;
    }
}
