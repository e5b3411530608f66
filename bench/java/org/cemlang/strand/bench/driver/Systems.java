// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How each system is started; script/bench has built those that are installed. */
final class Systems {
    static final String ECHO = "build/bench-asm/examples/echo";

    private Systems() {}

    static final class Missing extends Exception {
        private static final long serialVersionUID = 1;

        Missing(String why) {
            super(why);
        }
    }

    static List<String> command(Case c, String system) throws Missing {
        if (c.isJava()) {
            return javaCommand(c, system);
        }
        String asm = "build/bench-asm/bench/bench-";
        String ucontext = "build/bench-ucontext/bench/bench-";
        String ours = c.group().equals("context") ? "context" : "strand";
        return switch (system) {
            case "strand" -> program(c.isFile() ? ECHO : asm + ours);
            case "strand-8k" -> program(asm + ours, "--stack-bytes", "8192");
            case "strand-ucontext" -> program(ucontext + ours);
            case "erlang" -> erlang();
            case "go" -> program("build/bench-peers/bench-go");
            default -> program(asm + system);
        };
    }

    private static List<String> program(String path, String... options) throws Missing {
        if (!Files.isExecutable(Path.of(path))) {
            throw new Missing("not installed");
        }
        List<String> command = new ArrayList<>(List.of(path));
        command.addAll(List.of(options));
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
        int feature = Runtime.version().feature();
        if (feature < 21 && (system.equals("strand-java") || system.equals("jdk-virtual"))) {
            throw new Missing("no JDK 21 or newer");
        }
        List<String> command = new ArrayList<>(List.of(
                System.getProperty("java.home") + "/bin/java", "-XX:+UseSerialGC",
                c.isFile() ? "-Xmx32m" : "-Xmx6g", "--enable-native-access=ALL-UNNAMED",
                "-Djdk.virtualThreadScheduler.parallelism=1",
                "-Djdk.virtualThreadScheduler.maxPoolSize=1",
                "-Djmh.ignoreLock=true", "-Dbench.system=" + system,
                "-Dorg.cemlang.strand.engine=" + (system.endsWith("baton") ? "baton" : "auto"),
                "-Dorg.cemlang.strand.library="
                        + Path.of("build/bench-asm/cpp/libstrand.so").toAbsolutePath()));
        if (feature >= 23) {
            command.add("--sun-misc-unsafe-memory-access=allow");   // JMH's, it would warn
        }
        if (c.name().endsWith("memory")) {   // what is free is no strand's
            command.addAll(List.of("-Xms16m", "-XX:MinHeapFreeRatio=5", "-XX:MaxHeapFreeRatio=10"));
        }
        command.addAll(List.of("-cp", "build/bench-java/classes:build/bench-java/lib/*",
                "org.cemlang.strand.bench.Main"));
        return command;
    }

    static List<String> touch() throws Missing {
        return program("build/bench-asm/bench/bench-touch");
    }
}
