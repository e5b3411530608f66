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

    private final String[] cores = usableCores();

    /** The last of the cores that this process may use: the first often serves interrupts. */
    final String core = cores[cores.length - 1];

    /** The first and the last of them, such as "0" and "1" of "0-1". */
    private static String[] usableCores() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("Cpus_allowed_list:")) {
                    return line.replaceAll("\\D*:\\s*", "").split("\\D+");
                }
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        throw new AssertionError("no Cpus_allowed_list");
    }

    /** Another one, for what puts load on a system under test. */
    String otherCore() throws Systems.Missing {
        if (cores.length == 1) {
            throw new Systems.Missing("takes two cores");
        }
        return cores[0];
    }

    /** Its standard output, or nothing where that goes to {@code out}. */
    String run(List<String> command, List<String> arguments, File in, @Nullable File out)
            throws IOException, InterruptedException, Systems.Missing {
        return runOn(core, command, arguments, in, out);
    }

    /** The server on the core, and the load on it from another. */
    String runLoad(List<String> load, List<String> server)
            throws IOException, InterruptedException, Systems.Missing {
        List<String> arguments = new ArrayList<>(List.of("--server-core", core, "--"));
        arguments.addAll(server);
        return runOn(otherCore(), load, arguments, NOTHING, null);
    }

    private static String runOn(String core, List<String> command, List<String> arguments, File in,
            @Nullable File out) throws IOException, InterruptedException, Systems.Missing {
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
