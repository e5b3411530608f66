// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The values of one case: by figure and system, one a round. */
final class Results {
    private final Case of;
    private final Map<String, Map<String, List<Double>>> values = new LinkedHashMap<>();

    Results(Case of) {
        this.of = of;
    }

    void add(String system, Map<String, Double> figures) {
        figures.forEach((figure, value) -> values
                .computeIfAbsent(figure, f -> new LinkedHashMap<>())
                .computeIfAbsent(system, s -> new ArrayList<>()).add(value));
    }

    void drop(String system) {
        values.values().forEach(ofSystems -> ofSystems.remove(system));
    }

    private List<Double> of(String figure, String system) {
        return values.getOrDefault(figure, Map.of()).getOrDefault(system, List.of());
    }

    /** As many as the bars ask for; more than `rounds` where one is close. */
    int roundsWanted(int rounds) {
        return Math.max(rounds, barsWanting(rounds).mapToInt(this::roundsFor).max().orElse(0));
    }

    /** The systems that these further rounds are for: both sides of each such bar. */
    Set<String> systemsWanted(int rounds) {
        return barsWanting(rounds).flatMap(bar -> Stream.of(bar.ours(), bar.peer()))
                .collect(Collectors.toSet());
    }

    private Stream<Bar> barsWanting(int rounds) {
        return Bar.of(of).stream().filter(bar -> roundsFor(bar) > rounds);
    }

    private int roundsFor(Bar bar) {
        List<Double> held = heldAgainst(bar);
        return held.isEmpty() ? 0 : bar.roundsFor(median(held));
    }

    private static double median(List<Double> values) {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** The median of the rounds' own ratios: both were measured within seconds, so drift cancels. */
    private List<Double> ratios(String figure, String above, String below) {
        List<Double> a = of(figure, above);
        List<Double> b = of(figure, below);
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
            ratios.add(a.get(i) / b.get(i));
        }
        return ratios;
    }

    private List<Double> heldAgainst(Bar bar) {
        return bar.isRatio() ? ratios(bar.figure(), bar.ours(), bar.peer())
                : of(bar.figure(), bar.ours());
    }

    void print() {
        for (String figure : of.figures()) {
            System.out.printf("%n%-38s %12s %12s %12s %8s %6s%n",
                    of.group() + " " + figure + ", " + of.unitOf(figure),
                    "median", "min", "max", "ratio", "runs");
            for (String system : of.systems()) {
                printSystem(figure, system);
            }
            verdicts(figure).forEach(verdict -> System.out.println("  bar: " + verdict));
        }
        System.out.flush();
    }

    private void printSystem(String figure, String system) {
        List<Double> rounds = of(figure, system);
        if (rounds.isEmpty()) {
            return;
        }
        List<Double> ratios = ratios(figure, system, of.systems().get(0));
        System.out.printf(Locale.ROOT, "  %-36s %12s %12s %12s %8s %6d%n", system,
                number(median(rounds)), number(Collections.min(rounds)),
                number(Collections.max(rounds)),
                ratios.isEmpty() ? "-" : String.format(Locale.ROOT, "%.2f", median(ratios)), rounds.size());
    }

    /** One line for each bar on that figure, if both sides of it were measured. */
    private List<String> verdicts(String figure) {
        List<String> lines = new ArrayList<>();
        for (Bar bar : Bar.of(of)) {
            List<Double> held = heldAgainst(bar);
            if (bar.figure().equals(figure) && !held.isEmpty()) {
                lines.add(verdict(bar, held));
            }
        }
        return lines;
    }

    private String verdict(Bar bar, List<Double> held) {
        double value = median(held);
        return bar.toString(value, Collections.min(held), Collections.max(held),
                of.unitOf(bar.figure())) + ": " + (bar.isMet(value) ? "met" : "MISSED")
                + (held.size() < Bar.ROUNDS ? ", by too few rounds to count" : "");
    }

    /** All of them, each with the figure it is on. */
    List<String> verdicts() {
        return of.figures().stream().flatMap(figure -> verdicts(figure).stream()
                .map(verdict -> of.group() + " " + figure + ": " + verdict)).toList();
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, Math.abs(value) < 100 ? "%.2f" : "%,.0f", value);
    }

    List<String> records(Map<String, String> versions) {
        List<String> records = new ArrayList<>();
        values.forEach((figure, ofSystems) -> ofSystems.forEach((system, rounds) -> records.add(
                String.format(Locale.ROOT, "{\"group\":%s,\"case\":%s,\"system\":%s,\"version\":%s,"
                        + "\"unit\":%s,\"median\":%.3f,\"min\":%.3f,\"max\":%.3f,\"runs\":%d}",
                        quote(of.group()), quote(figure), quote(system),
                        quote(versions.getOrDefault(system, "")), quote(of.unitOf(figure)),
                        median(rounds), Collections.min(rounds), Collections.max(rounds),
                        rounds.size()))));
        return records;
    }

    private static String quote(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
    }
}
