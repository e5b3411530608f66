// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The driver of script/bench: runs each case on every system in turn, round after round, each a
 * process of its own pinned to one core, and prints the medians. A system is a program that, called
 * with {@code GROUP CASE}, prints one line {@code FIGURE VALUE} for each figure, and with
 * {@code version} says what it is. Run from the repository's root.
 */
public final class Bench {
    private final Launcher launcher = new Launcher();
    private final Map<String, String> versions = new TreeMap<>();
    private final Set<String> remarks = new LinkedHashSet<>();
    private final List<String> records = new ArrayList<>();
    private final List<String> verdicts = new ArrayList<>();
    private @Nullable Path json;
    private int rounds;
    /** Those wished for; empty: all. */
    private Set<String> only = Set.of();
    private boolean failed;

    private static void usage(String problem) {
        System.err.println("bench: " + problem);
        System.err.println("usage: script/bench [--json FILE] [--runs N] [--systems A,B...]"
                + " [GROUP[/CASE]...]");
        System.err.println("groups: " + String.join(" ", Case.GROUPS));
        System.exit(2);
    }

    public static void main(String[] arguments) throws Exception {
        Bench bench = new Bench();
        bench.rounds = Bar.ROUNDS;
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < arguments.length; i++) {
            boolean last = i + 1 == arguments.length;
            if (arguments[i].equals("--json") && !last) {
                bench.json = Path.of(arguments[++i]);
            } else if (arguments[i].equals("--runs") && !last && arguments[i + 1].matches("[1-9]\\d{0,3}")) {
                bench.rounds = Integer.parseInt(arguments[++i]);
            } else if (arguments[i].equals("--systems") && !last) {
                bench.only = systemsNamed(arguments[++i]);
            } else if (Case.GROUPS.contains(arguments[i].replaceAll("/.*", ""))) {
                wanted.add(arguments[i]);
            } else {
                usage("what is '" + arguments[i] + "'?");
            }
        }
        bench.runAll(wanted.isEmpty() ? Case.GROUPS : wanted);
        System.exit(bench.failed ? 1 : 0);
    }

    private static Set<String> systemsNamed(String list) {
        Set<String> known = new TreeSet<>();
        Case.GROUPS.forEach(group -> Case.of(group).forEach(c -> known.addAll(c.systems())));
        Set<String> named = new LinkedHashSet<>(List.of(list.split(",")));
        for (String system : named) {
            if (!known.contains(system)) {
                usage("no system '" + system + "'; there are " + String.join(" ", known));
            }
        }
        return named;
    }

    /** Ours, which the others are compared with, is always among them. */
    private boolean isWanted(Case c, String system) {
        return only.isEmpty() || only.contains(system) || system.equals(c.systems().get(0));
    }

    private void runAll(List<String> wanted) throws IOException, InterruptedException {
        System.out.printf("Each on core %s, in turn, round after round. Ratio: to the first system, the"
                + " median of the rounds' own.%n", launcher.core);
        for (String group : wanted) {
            String[] parts = group.split("/", 2);
            if (parts[0].equals("file")) {
                Text.write();
            }
            for (Case c : Case.of(parts[0])) {
                if (parts.length == 1 || c.name().equals(parts[1])) {
                    runCase(c);
                }
            }
        }
        if (!verdicts.isEmpty()) {
            System.out.println("\nThe bars");
            verdicts.forEach(verdict -> System.out.println("  " + verdict));
        }
        System.out.println();
        versions.forEach((system, version) -> System.out.println(system + ": " + version));
        remarks.forEach(System.out::println);
    }

    private void runCase(Case c) throws IOException, InterruptedException {
        List<String> systems = new ArrayList<>();
        for (String system : c.systems()) {
            if (isWanted(c, system) && isReady(c, system)) {
                systems.add(system);
            }
        }
        Results results = new Results(c);
        int wanted = rounds;
        for (int round = 0; round < wanted; round++) {
            runRound(c, systems, round, results);
            if (round + 1 == rounds && rounds >= Bar.ROUNDS) {   // fewer are for a quick look
                wanted = results.roundsWanted(rounds);
                systems.retainAll(results.systemsWanted(rounds));
            }
        }
        progress("");
        results.print();
        records.addAll(results.records(versions));
        writeJson();
        verdicts.addAll(results.verdicts());
    }

    /** After each case: all of them take an hour or two, and nothing measured should be lost. */
    private void writeJson() throws IOException {
        if (json != null) {
            Files.writeString(json, "[\n" + String.join(",\n", records) + "\n]\n");
        }
    }

    /** Every other round backwards, so that nobody always follows the same one. */
    private void runRound(Case c, List<String> systems, int round, Results results)
            throws InterruptedException {
        List<String> order = new ArrayList<>(systems);
        if (round % 2 == 1) {
            Collections.reverse(order);
        }
        for (String system : order) {
            progress(String.format("%s: round %d, %s", c, round + 1, system));
            try {
                results.add(system, measure(c, system));
            } catch (IOException e) {
                fail(c, system, e);
                systems.remove(system);
                results.drop(system);
            } catch (Systems.Missing e) {
                remarks.add(system + ": " + c + " skipped, " + e.getMessage());
                systems.remove(system);
                results.drop(system);
            }
        }
    }

    /** Over the line before; only where a person looks on. */
    private static void progress(String text) {
        if (Boolean.getBoolean("strand.bench.terminal")) {
            System.err.print("\r\033[K" + text);
        }
    }

    private boolean isReady(Case c, String system) throws InterruptedException {
        try {
            List<String> command = Systems.command(c, system);
            launcher.checkMemory(c);
            if (c.isEcho()) {
                launcher.otherCore();
            }
            if (!versions.containsKey(system) && !command.contains(Systems.ECHO)) {
                versions.put(system,
                        launcher.run(command, List.of("version"), Launcher.NOTHING, null).strip());
            }
            if (c.isFile()) {
                Text.check(launcher, command, c.arguments());
            }
            return true;
        } catch (Systems.Missing e) {
            remarks.add(system + ": " + (e.always() ? "" : c + " ") + "skipped, " + e.getMessage());
        } catch (IOException e) {
            fail(c, system, e);
        }
        return false;
    }

    private Map<String, Double> measure(Case c, String system) throws IOException,
            InterruptedException, Systems.Missing {
        List<String> command = Systems.command(c, system);
        launcher.touch(c);
        if (c.isFile()) {
            long begin = System.nanoTime();
            launcher.run(command, c.arguments(), Text.FILE.toFile(), Launcher.NOTHING);
            return Map.of(c.name(), Text.BYTES * 1e3 / (System.nanoTime() - begin));
        }
        String output = c.isEcho() ? launcher.runLoad(Systems.load(c), command)
                : launcher.run(command, c.arguments(), Launcher.NOTHING, null);
        Map<String, Double> figures = new LinkedHashMap<>();
        for (String line : output.split("\n")) {
            int space = line.lastIndexOf(' ');
            figures.put(line.substring(0, space), Double.valueOf(line.substring(space + 1)));
        }
        if (!figures.keySet().containsAll(Systems.figures(c, system))) {
            throw new IOException("printed only " + figures.keySet());
        }
        return figures;
    }

    private void fail(Case c, String system, Exception e) {
        System.err.printf("%n%s: %s failed: %s%n", system, c, e.getMessage());
        remarks.add(system + ": " + c + " FAILED: " + e.getMessage().lines().findFirst().orElse(""));
        failed = true;
    }
}
