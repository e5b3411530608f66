// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Draws what a yield costs over the number of strands, as SVG, from the JSON of script/bench. Both
 * axes are logarithmic; a thin upright is the spread of the rounds. Needs nothing but the JDK: run it
 * as one file, {@code java YieldPicture.java FIGURES.json OUT.svg}.
 */
public final class YieldPicture {
    private static final int WIDTH = 820, HEIGHT = 500;
    private static final int LEFT = 64, RIGHT = 650, TOP = 64, BOTTOM = 440;
    private static final double LEAST_STRANDS = 10, MOST_STRANDS = 1_000_000;
    private static final double LABEL_STEP = 17;

    /** In the order drawn, so that ours lie on top; strand-8k and ring-dense would lie on
     * their neighbours. */
    private static final Map<String, String> SYSTEMS = new LinkedHashMap<>();

    static {
        SYSTEMS.put("erlang", "Erlang");
        SYSTEMS.put("go", "Go");
        SYSTEMS.put("boost-fiber", "Boost.Fiber");
        SYSTEMS.put("libdill", "libdill");
        SYSTEMS.put("ring", "bare ring, the floor");
        SYSTEMS.put("strand-ucontext", "strand, ucontext");
        SYSTEMS.put("strand-dense", "strand, dense stacks");
        SYSTEMS.put("strand", "strand");
    }

    private static final String STYLE = """
            <style>
              svg { font: 14px system-ui, sans-serif; }
              .line { fill: none; stroke-width: 1.75; }
              .spread { stroke-width: 1; opacity: .45; }
              .leader { stroke-width: .75; opacity: .6; }
              .name { font-size: 13px; stroke: none; }
              .strand .line { stroke-width: 3.5; }
              .strand .name { font-weight: 700; }
              .strand-dense .line { stroke-dasharray: 8 4; }
              .strand-ucontext .line { stroke-dasharray: 2 3; }
              .ring .line { stroke-dasharray: 4 4; }
              .paper { fill: #ffffff; } .ink { fill: #1f2328; } .faint { fill: #59636e; }
              .grid { stroke: #d1d9e0; }
              .strand { stroke: #0550ae; fill: #0550ae; }
              .strand-dense { stroke: #0969da; fill: #0969da; }
              .strand-ucontext { stroke: #0969da; fill: #0969da; }
              .ring { stroke: #59636e; fill: #59636e; }
              .boost-fiber { stroke: #9a6700; fill: #9a6700; }
              .libdill { stroke: #1a7f37; fill: #1a7f37; }
              .go { stroke: #8250df; fill: #8250df; }
              .erlang { stroke: #bf3989; fill: #bf3989; }
              @media (prefers-color-scheme: dark) {
                .paper { fill: #0d1117; } .ink { fill: #f0f6fc; } .faint { fill: #9198a1; }
                .grid { stroke: #3d444d; }
                .strand { stroke: #79c0ff; fill: #79c0ff; }
                .strand-dense { stroke: #58a6ff; fill: #58a6ff; }
                .strand-ucontext { stroke: #58a6ff; fill: #58a6ff; }
                .ring { stroke: #9198a1; fill: #9198a1; }
                .boost-fiber { stroke: #e3b341; fill: #e3b341; }
                .libdill { stroke: #56d364; fill: #56d364; }
                .go { stroke: #d2a8ff; fill: #d2a8ff; }
                .erlang { stroke: #ff9bce; fill: #ff9bce; }
              }
            </style>
            """;

    /** One system at one number of strands, ns. */
    private record Cost(double median, double min, double max) {}

    /** By number of strands. */
    private record Curve(String system, TreeMap<Double, Cost> costs) {
        double last() {
            return costs.lastEntry().getValue().median();
        }
    }

    private final List<Curve> curves;
    private final double least, most;
    private final StringBuilder svg = new StringBuilder();

    private YieldPicture(List<Curve> curves) {
        this.curves = curves;
        least = curves.stream().flatMap(c -> c.costs().values().stream())
                .mapToDouble(Cost::min).min().orElseThrow() / 1.3;
        most = curves.stream().flatMap(c -> c.costs().values().stream())
                .mapToDouble(Cost::max).max().orElseThrow() * 1.3;
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 2) {
            System.err.println("usage: YieldPicture FIGURES.json OUT.svg");
            System.exit(2);
        }
        List<Curve> curves = read(Files.readString(Path.of(arguments[0])));
        if (curves.isEmpty()) {
            System.err.println("no figures of group yield in " + arguments[0]);
            System.exit(1);
        }
        Files.writeString(Path.of(arguments[1]), new YieldPicture(curves).draw());
    }

    private static List<Curve> read(String json) {
        Map<String, TreeMap<Double, Cost>> all = new LinkedHashMap<>();
        SYSTEMS.keySet().forEach(system -> all.put(system, new TreeMap<>()));
        Matcher record = Pattern.compile("\\{[^{}]*\\}").matcher(json);
        while (record.find()) {
            String text = record.group();
            TreeMap<Double, Cost> costs = all.get(field(text, "system"));
            if (costs == null || !field(text, "group").equals("yield")) {
                continue;
            }
            double strands = Double.parseDouble(field(text, "case"));
            if (strands >= LEAST_STRANDS) {
                costs.put(strands, new Cost(number(text, "median"), number(text, "min"),
                        number(text, "max")));
            }
        }
        List<Curve> curves = new ArrayList<>();
        all.forEach((system, costs) -> {
            if (!costs.isEmpty()) {
                curves.add(new Curve(system, costs));
            }
        });
        return curves;
    }

    private static String field(String record, String name) {
        Matcher field = Pattern.compile('"' + name + "\"\\s*:\\s*\"?([^\",}]*)").matcher(record);
        return field.find() ? field.group(1) : "";
    }

    private static double number(String record, String name) {
        return Double.parseDouble(field(record, name));
    }

    private static double x(double strands) {
        return LEFT + (RIGHT - LEFT) * Math.log(strands / LEAST_STRANDS)
                / Math.log(MOST_STRANDS / LEAST_STRANDS);
    }

    private double y(double ns) {
        return BOTTOM - (BOTTOM - TOP) * Math.log(ns / least) / Math.log(most / least);
    }

    private void add(String pattern, Object... values) {
        svg.append(String.format(Locale.ROOT, pattern, values)).append('\n');
    }

    private String draw() {
        add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\""
                + " aria-labelledby=\"title desc\">", WIDTH, HEIGHT);
        add("<title id=\"title\">What a yield costs, over the number of strands</title>");
        add("<desc id=\"desc\">%s</desc>", description());
        svg.append(STYLE);
        add("<rect class=\"paper\" width=\"%d\" height=\"%d\"/>", WIDTH, HEIGHT);
        add("<text class=\"ink\" x=\"%d\" y=\"28\" font-size=\"17\" font-weight=\"600\">"
                + "What a yield costs</text>", LEFT);
        add("<text class=\"faint\" x=\"%d\" y=\"48\">ns, medians; lower is better</text>", LEFT);
        drawAxes();
        curves.forEach(this::drawCurve);
        drawNames();
        add("</svg>");
        return svg.toString();
    }

    private void drawAxes() {
        for (double decade = 1; decade <= most; decade *= 10) {
            for (int step : new int[] {1, 2, 5}) {
                double ns = decade * step;
                if (ns >= least && ns <= most) {
                    add("<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"%s/>", LEFT, y(ns),
                            RIGHT, y(ns), step == 1 ? "" : " opacity=\".45\"");
                    add("<text class=\"faint\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%,.0f</text>",
                            LEFT - 8, y(ns) + 5, ns);
                }
            }
        }
        for (double strands = LEAST_STRANDS; strands <= MOST_STRANDS; strands *= 10) {
            add("<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x(strands), TOP,
                    x(strands), BOTTOM);
            add("<text class=\"faint\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%,.0f</text>", x(strands),
                    BOTTOM + 20, strands);
        }
        add("<text class=\"faint\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">strands that yield in turn</text>",
                (LEFT + RIGHT) / 2.0, BOTTOM + 44);
    }

    private void drawCurve(Curve curve) {
        add("<g class=\"%s\">", curve.system());
        StringBuilder points = new StringBuilder();
        curve.costs().forEach((strands, cost) -> {
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(strands), y(cost.median())));
            add("<line class=\"spread\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x(strands),
                    y(cost.min()), x(strands), y(cost.max()));
        });
        add("<polyline class=\"line\" points=\"%s\"/>", points.toString().strip());
        add("</g>");
    }

    /** Each at the end of its curve, moved down where two would lie on each other. */
    private void drawNames() {
        List<Curve> sorted = new ArrayList<>(curves);
        sorted.sort(Comparator.comparingDouble(Curve::last).reversed());
        double room = TOP;
        double[] at = new double[sorted.size()];
        for (int i = 0; i < at.length; i++) {
            at[i] = Math.max(room, y(sorted.get(i).last()));
            room = at[i] + LABEL_STEP;
        }
        double limit = BOTTOM;
        for (int i = at.length - 1; i >= 0; i--) {
            at[i] = Math.min(at[i], limit);
            limit = at[i] - LABEL_STEP;
        }
        for (int i = 0; i < at.length; i++) {
            Curve curve = sorted.get(i);
            double end = x(curve.costs().lastKey());
            add("<g class=\"%s\"><line class=\"leader\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%d\""
                    + " y2=\"%.1f\"/><text class=\"name\" x=\"%d\" y=\"%.1f\">%s</text></g>", curve.system(), end + 2,
                    y(curve.last()), RIGHT + 14, at[i], RIGHT + 18, at[i] + 4.5, SYSTEMS.get(curve.system()));
        }
    }

    private String description() {
        StringBuilder text = new StringBuilder("Nanoseconds a yield, for ");
        text.append(String.format(Locale.ROOT, "%,.0f to %,.0f strands.", curves.get(0).costs().firstKey(),
                curves.get(0).costs().lastKey()));
        for (int i = curves.size() - 1; i >= 0; i--) {
            Curve curve = curves.get(i);
            text.append(' ').append(SYSTEMS.get(curve.system())).append(": ");
            List<String> figures = new ArrayList<>();
            curve.costs().forEach((strands, cost) -> figures.add(
                    String.format(Locale.ROOT, "%.1f at %,.0f", cost.median(), strands)));
            text.append(String.join(", ", figures)).append('.');
        }
        return text.toString();
    }
}
