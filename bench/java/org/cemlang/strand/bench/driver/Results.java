// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

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

    /** More than `rounds` where a bar asks for them, or is close. */
    int roundsWanted(int rounds) {
        int wanted = rounds;
        for (Bar bar : Bar.of(of)) {
            double ratio = ratio(bar.figure(), bar.ours(), bar.peer());
            if (!Double.isNaN(ratio)) {
                wanted = Math.max(wanted, bar.roundsFor(ratio));
            }
        }
        return wanted;
    }

    private static double median(List<Double> values) {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** The median of the rounds' own ratios: both were measured within seconds, so drift cancels. */
    private double ratio(String figure, String above, String below) {
        List<Double> a = of(figure, above);
        List<Double> b = of(figure, below);
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
            ratios.add(a.get(i) / b.get(i));
        }
        return ratios.isEmpty() ? Double.NaN : median(ratios);
    }

    void print() {
        for (String figure : of.figures()) {
            System.out.printf("%n%-38s %12s %12s %12s %8s %6s%n",
                    of.group() + " " + figure + ", " + of.unitOf(figure),
                    "median", "min", "max", "ratio", "runs");
            for (String system : of.systems()) {
                printSystem(figure, system);
            }
            for (Bar bar : Bar.of(of)) {
                printBar(figure, bar);
            }
        }
        System.out.flush();
    }

    private void printSystem(String figure, String system) {
        List<Double> rounds = of(figure, system);
        if (rounds.isEmpty()) {
            return;
        }
        double ratio = ratio(figure, system, of.systems().get(0));
        System.out.printf(Locale.ROOT, "  %-36s %12s %12s %12s %8s %6d%n", system,
                number(median(rounds)), number(Collections.min(rounds)),
                number(Collections.max(rounds)),
                Double.isNaN(ratio) ? "-" : String.format(Locale.ROOT, "%.2f", ratio), rounds.size());
    }

    private void printBar(String figure, Bar bar) {
        double ratio = ratio(figure, bar.ours(), bar.peer());
        if (bar.figure().equals(figure) && !Double.isNaN(ratio)) {
            System.out.printf(Locale.ROOT, "  bar: %s / %s is %.3f, at %s %.2f: %s%n", bar.ours(),
                    bar.peer(), ratio, bar.atMost() ? "most" : "least", bar.limit(),
                    bar.isMet(ratio) ? "met" : "MISSED");
        }
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
