// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Starts programs on one core and waits for their end. */
final class Launcher {
    static final File NOTHING = new File("/dev/null");
    private static final int LIMIT_S = 300;
    private static final int REFUSED = 77;   // measure.h: the machine would not give what it asked for
    private static final long LEAST_TOUCHED = 100_000;
    private static final long STRAND_BYTES = 9 * 1024;   // two pages, where a second round finds none free

    final String core = pickCore();

    /** The last of the cores that this process may use: the first often serves interrupts. */
    private static String pickCore() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("Cpus_allowed_list:")) {
                    return line.replaceAll(".*[^0-9]", "");
                }
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        throw new AssertionError("no Cpus_allowed_list");
    }

    /** Its standard output, or nothing where that goes to {@code out}. */
    String run(List<String> command, List<String> arguments, File in, @Nullable File out)
            throws IOException, InterruptedException, Systems.Missing {
        List<String> line = new ArrayList<>(List.of("taskset", "-c", core));
        line.addAll(command);
        line.addAll(arguments);
        Path errors = Files.createTempFile("bench", ".err");
        Path output = Files.createTempFile("bench", ".out");
        try {
            ProcessBuilder builder = new ProcessBuilder(line).redirectInput(in)
                    .redirectOutput(out != null ? out : output.toFile())
                    .redirectError(errors.toFile());
            builder.environment().put("GOMAXPROCS", "1");
            await(builder.start(), errors);
            return Files.readString(output);
        } finally {
            Files.delete(errors);
            Files.delete(output);
        }
    }

    private static void await(Process process, Path errors)
            throws IOException, InterruptedException, Systems.Missing {
        if (!process.waitFor(LIMIT_S, TimeUnit.SECONDS)) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
            throw new IOException("took over " + LIMIT_S + " s");
        }
        if (process.exitValue() == REFUSED) {
            throw new Systems.Missing(Files.readString(errors).strip(), false);
        }
        if (process.exitValue() != 0) {
            throw new IOException("exit status " + process.exitValue() + " "
                    + Files.readString(errors).strip());
        }
    }

    /**
     * A virtual machine's host takes idle pages back, and the first touch then costs several times as
     * much. So somebody else touches them before a case that needs many.
     */
    void touch(Case c) throws IOException, InterruptedException, Systems.Missing {
        long strands = c.strands();
        if (strands < LEAST_TOUCHED) {
            return;
        }
        long available = availableBytes();
        long bytes = Math.min(strands * STRAND_BYTES, available / 10 * 7);
        run(Systems.touch(), List.of(Long.toString(bytes)), NOTHING, null);
    }

    /** What would be killed for its memory half-way is not begun. */
    void checkMemory(Case c) throws IOException, Systems.Missing {
        long needed = c.strands() * STRAND_BYTES;
        long available = availableBytes();
        if (needed > available) {
            throw new Systems.Missing(String.format(Locale.ROOT,
                    "takes up to %.1f GB, %.1f GB are free", needed / 1e9, available / 1e9), false);
        }
    }

    private static long availableBytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
            if (line.startsWith("MemAvailable:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
            }
        }
        throw new AssertionError("no MemAvailable");
    }
}
