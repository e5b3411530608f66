// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Another JVM, of the same JDK, for what ends one or needs options of its own. */
final class ChildJvm {
    /** How it ended and what it said. */
    record Result(int status, String out, String err) {}

    private final List<String> options = new ArrayList<>();
    private List<String> user = List.of();
    private String classPath = System.getProperty("java.class.path");
    private Map<String, String> environment = Map.of();

    ChildJvm() {
        options.add("-XX:+UseSerialGC");
        if (Runtime.version().feature() >= 24) {
            options.add("--enable-native-access=ALL-UNNAMED");
        }
    }

    /** With the library and the engine of this JVM. */
    static ChildJvm likeThis() {
        ChildJvm child = new ChildJvm();
        for (String property : List.of("library", "engine", "test.build")) {
            String value = System.getProperty("org.cemlang.strand." + property);
            if (value != null) {
                child.options.add("-Dorg.cemlang.strand." + property + "=" + value);
            }
        }
        return child;
    }

    /** Whether JVMs here run under AddressSanitizer, which takes the addresses that ZGC wants. */
    static boolean sanitized() {
        String preloaded = System.getenv("LD_PRELOAD");
        return preloaded != null && preloaded.contains("libasan");
    }

    ChildJvm options(String... more) {
        options.addAll(Arrays.asList(more));
        return this;
    }

    /** {@code Serial} unless told otherwise. */
    ChildJvm collector(String name) {
        options.set(0, "-XX:+Use" + name + "GC");
        return this;
    }

    /** To load libraries, which JDK 24 and later ask for. */
    ChildJvm withoutLeave() {
        options.removeIf(option -> option.startsWith("--enable-native-access"));
        return this;
    }

    /** Only these, and Commons Lang. */
    ChildJvm classPath(Path... entries) {
        String commons = Arrays.stream(System.getProperty("java.class.path")
                        .split(File.pathSeparator))
                .filter(entry -> entry.contains("commons-lang3"))
                .collect(Collectors.joining(File.pathSeparator));
        classPath = Arrays.stream(entries).map(Path::toString)
                .collect(Collectors.joining(File.pathSeparator)) + File.pathSeparator + commons;
        return this;
    }

    /** As the user of this number, who has no group; only root can. */
    ChildJvm as(int id) {
        user = List.of("setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups");
        return this;
    }

    ChildJvm environment(Map<String, String> variables) {
        environment = variables;
        return this;
    }

    Process start(Path err, String main, String... words) throws IOException {
        List<String> command = new ArrayList<>(user);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.addAll(List.of("-cp", classPath, main));
        command.addAll(Arrays.asList(words));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(err.toFile());
        builder.environment().putAll(environment);
        return builder.start();
    }

    Result run(String main, String... words) throws Exception {
        Path err = Files.createTempFile("child", ".err");
        try {
            return end(start(err, main, words), err);
        } finally {
            Files.delete(err);
        }
    }

    /** A library that counts its branches says when another user may not write the counts. */
    private static String withoutNotices(String said) {
        return said.replaceAll("(?m)^profiling:.*\\R", "");
    }

    static Result end(Process child, Path err) throws Exception {
        String out = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!child.waitFor(30, TimeUnit.SECONDS)) {
            child.destroyForcibly();
            throw new AssertionError("did not end: " + out + Files.readString(err));
        }
        return new Result(child.exitValue(), out, withoutNotices(Files.readString(err)));
    }
}
