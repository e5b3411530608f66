// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How each system is started; script/bench has built those that are installed. */
final class Systems {
    static final String ECHO = "build/bench-asm/examples/echo";

    /** Our slots, of the default class with its guard and of the dense one, and their colours: what is
     * to be compared with us lies on the same. */
    private static final List<String> SLOTS = List.of("--slot-bytes", Integer.toString((256 + 72) * 1024),
            "--colours", "8", "--colour-bytes", "128");
    private static final List<String> DENSE_SLOTS = List.of("--slot-bytes", "4096", "--huge-pages",
            "--colours", "1");

    private static final String CLASSES = "build/bench-java/classes:build/bench-java/lib/*";
    private static final String LIBRARY = "-Dorg.cemlang.strand.library="
            + Path.of("build/bench-asm/cpp/libstrand.so").toAbsolutePath();
    private static final List<String> ONE_CARRIER =
            List.of("-Djdk.virtualThreadScheduler.parallelism=1",
                    "-Djdk.virtualThreadScheduler.maxPoolSize=1");

    private Systems() {}

    static final class Missing extends Exception {
        private static final long serialVersionUID = 1;

        private final boolean always;

        Missing(String why) {
            this(why, true);
        }

        /** Not always: it may do the next case. */
        Missing(String why, boolean always) {
            super(why);
            this.always = always;
        }

        boolean always() {
            return always;
        }
    }

    static List<String> command(Case c, String system) throws Missing {
        if (c.isEcho()) {
            return c.isJava() ? javaServer(system) : server(system);
        }
        if (c.isJava()) {
            return javaCommand(c, system);
        }
        String asm = "build/bench-asm/bench/bench-";
        String ucontext = "build/bench-ucontext/bench/bench-";
        String ours = c.group().equals("context") ? "context" : "strand";
        return switch (system) {
            case "strand" -> program(c.isFile() ? ECHO : asm + ours);
            case "strand-8k" -> program(asm + ours, "--stack-bytes", "8192");
            case "strand-dense" -> program(asm + ours, "--dense");
            case "strand-bare-park" -> program(asm + ours, "--bare-park");
            case "strand-ucontext" -> c.group().equals("context") ? program(ucontext + ours)
                    : program(ucontext + ours, "--stack-bytes", "65536");
            case "ring" -> ring(asm + "ring", SLOTS);
            case "ring-dense" -> ring(asm + "ring", DENSE_SLOTS);
            case "touch" -> program(asm + "touch", SLOTS.get(0), SLOTS.get(1));
            case "libdill" ->
                    program("no local build named (--libdill PATH)", asm + "libdill", List.of());
            case "erlang" -> erlang();
            case "go" -> program("build/bench-peers/bench-go");
            default -> program(asm + system);
        };
    }

    /** The figures it has to give: a touch wakes nobody. */
    static List<String> figures(Case c, String system) {
        return system.equals("touch") ? c.figures().stream()
                .filter(f -> f.endsWith(" cold") || f.endsWith(" memory")).toList() : c.figures();
    }

    private static List<String> program(String path, String... options) throws Missing {
        return program("not installed", path, List.of(options));
    }

    private static List<String> ring(String path, List<String> slots) throws Missing {
        return program("none for this processor", path, slots);
    }

    private static List<String> program(String otherwise, String path, List<String> options)
            throws Missing {
        if (!Files.isExecutable(Path.of(path))) {
            throw new Missing(otherwise);
        }
        List<String> command = new ArrayList<>(List.of(path));
        command.addAll(options);
        return command;
    }

    private static List<String> erlang() throws Missing {
        if (!Files.exists(Path.of("build/bench-peers/bench.beam"))) {
            throw new Missing("not installed");
        }
        return List.of("erl", "-noinput", "+S", "1:1", "+SDio", "1", "+P", "4194304",
                "-pa", "build/bench-peers", "-run", "bench", "main");
    }

    private static List<String> javaCommand(Case c, String system) throws Missing {
        boolean old = system.endsWith("-17");
        int feature = old ? 17 : Runtime.version().feature();
        if (feature < 21 && (system.equals("strand-java") || system.equals("jdk-virtual"))) {
            throw new Missing("no JDK 21 or newer");
        }
        List<String> command = new ArrayList<>(List.of(
                (old ? jdk17() : System.getProperty("java.home")) + "/bin/java",
                "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED",
                "-Djmh.ignoreLock=true", "-Dbench.system=" + system, "-Dorg.cemlang.strand.engine="
                        + (old || system.endsWith("baton") ? "baton" : "auto"), LIBRARY));
        command.addAll(heap(c));
        if (feature >= 21) {
            command.addAll(ONE_CARRIER);
        }
        if (feature >= 23) {
            command.add("--sun-misc-unsafe-memory-access=allow");   // JMH's, it would warn
        }
        command.addAll(List.of("-cp", CLASSES, "org.cemlang.strand.bench.Main"));
        return command;
    }

    /** Where memory is measured all of the heap is resident, so that the rest is what grows. */
    private static List<String> heap(Case c) {
        if (c.name().endsWith("memory")) {
            return List.of("-Xms3g", "-Xmx3g", "-XX:+AlwaysPreTouch");
        }
        return List.of(c.isFile() ? "-Xmx32m" : "-Xmx6g");
    }

    private static String jdk17() throws Missing {
        String home = System.getProperty("strand.bench.jdk17", "");
        if (home.isEmpty()) {
            throw new Missing("no JDK 17");
        }
        return home;
    }

    private static List<String> server(String system) throws Missing {
        String programs = "build/bench-asm/bench/bench-echo-";
        return switch (system) {
            case "epoll-limit" -> program(programs + "epoll");
            case "libuv" -> program(programs + "uv");
            case "go" -> program("build/bench-peers/bench-echo-go");
            default -> program(programs + system);
        };
    }

    /** All with the same heap and collector. */
    private static List<String> javaServer(String system) throws Missing {
        String home = System.getProperty("java.home");
        int feature = Runtime.version().feature();
        if (system.endsWith("-17")) {
            home = jdk17();
            feature = 17;
        } else if (feature < 21) {
            throw new Missing("no JDK 21 or newer");
        }
        List<String> command = new ArrayList<>(List.of(home + "/bin/java", "-XX:+UseSerialGC",
                "-Xms64m", "-Xmx1g", "--enable-native-access=ALL-UNNAMED",
                "-Dbench.system=" + system, LIBRARY));
        if (system.startsWith("netty")) {
            command.add("-Dio.netty.leakDetection.level=disabled");   // it would take stack traces
        }
        if (feature >= 21) {
            command.addAll(ONE_CARRIER);
        }
        if (feature >= 23) {
            command.add("--sun-misc-unsafe-memory-access=allow");   // Netty's, it would do without
        }
        command.addAll(List.of("-cp", CLASSES, "org.cemlang.strand.bench.EchoServer"));
        return command;
    }

    /** What puts load on a server; a JVM takes longer until all of it is compiled. */
    static List<String> load(Case c) throws Missing {
        String[] words = c.name().split("x");
        return program("none for this system", "build/bench-asm/bench/bench-echo-load",
                List.of("--name", c.name(), "--connections", words[0],
                        "--in-flight", words.length > 1 ? words[1] : "1",
                        "--warm-up-ms", c.isJava() ? "5000" : "1000", "--window-ms", "2000",
                        "--memory", c.figures().contains(c.name() + " memory") ? "1" : "0"));
    }

    static List<String> touch() throws Missing {
        return program("build/bench-asm/bench/bench-touch");
    }
}
