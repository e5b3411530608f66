// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.util.Locale;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * {@code java -Dbench.system=SYSTEM … Main GROUP CASE} prints one line, {@code CASE VALUE}, as every
 * program of script/bench does. JMH forks a JVM with this one's options.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 1 && arguments[0].equals("version")) {
            System.out.println(Workers.SYSTEM.version());
            return;
        }
        if (arguments.length != 2) {
            throw new IllegalArgumentException("usage: Main GROUP CASE");
        }
        if (arguments[0].equals("file")) {
            echo();
            return;
        }
        System.out.printf(Locale.ROOT, "%s %.3f%n", arguments[1], measure(arguments[1].split(" ")));
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static double measure(String[] words) throws RunnerException {
        String key = words[0].equals("park") ? "park " + words[2] : words[0];
        return switch (key) {
            case "hand-over" -> jmh("handOver");
            case "ping-pong" -> jmh("pingPong");
            case "spawn" -> jmh("spawn");
            case "yield" -> jmh("yield" + words[1]);
            case "park cold" -> Crowd.parkColdNs(Integer.parseInt(words[1]));
            case "park memory" -> Crowd.parkMemoryBytes(Integer.parseInt(words[1]));
            case "skynet" -> Crowd.skynetMs(Integer.parseInt(words[1]));
            default -> throw new IllegalArgumentException("no case " + String.join(" ", words));
        };
    }

    private static double jmh(String method) throws RunnerException {
        Options options = new OptionsBuilder()
                .include("^" + Turns.class.getName().replace(".", "\\.") + "\\." + method + "$")
                .forks(1)
                .warmupIterations(6)
                .warmupTime(TimeValue.milliseconds(250))
                .measurementIterations(5)
                .measurementTime(TimeValue.milliseconds(200))
                .shouldFailOnError(true)
                .verbosity(VerboseMode.SILENT)
                .build();
        return new Runner(options).runSingle().getPrimaryResult().getScore();
    }

    private static void echo() throws Exception {
        if (System.getProperty("bench.system").equals("buffered-reader")) {
            Echo.buffered();
        } else {
            Echo.strands();
        }
    }
}
