// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import org.cemlang.strand.LineStream;
import org.cemlang.strand.Scheduler;
import org.cemlang.strand.Strand;
import org.cemlang.strand.Strands;

/** Strands beside other Java code: as an executor, as futures, and with a process. */
public final class Interop {
    private Interop() {}

    public static void main(String[] words) throws Exception {
        try (Scheduler scheduler = Scheduler.open()) {
            System.out.println(squares(scheduler));
        }
        for (String line : sort("pear", "apple", "fig")) {
            System.out.println(line);
        }
    }

    /** This thread is no strand; the tasks are, on a carrier of their own. */
    private static List<Integer> squares(Scheduler scheduler) throws Exception {
        ExecutorService executor = scheduler.newExecutor();
        Thread carrier = new Thread(scheduler::run, "carrier");
        carrier.start();
        List<Future<Integer>> tasks = new ArrayList<>();
        for (int i = 1; i <= 5; i++) {
            int number = i;
            tasks.add(executor.submit(() -> number * number));
        }
        List<Integer> results = new ArrayList<>();
        for (Future<Integer> task : tasks) {
            results.add(task.get());
        }
        executor.shutdown();
        carrier.join();
        return results;
    }

    /** What sort(1) makes of it. */
    private static List<String> sort(String... words) throws Exception {
        Process process = new ProcessBuilder("sort").start();
        List<String> sorted = new ArrayList<>();
        Strand talker = Strands.spawn("talker", () -> {
            try (LineStream lines = LineStream.of(process)) {
                for (String word : words) {
                    lines.writeLine(word);
                }
                lines.shutdownOutput();
                for (String line; (line = lines.readLine()) != null; ) {
                    sorted.add(line);
                }
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
        Strands.run();
        return talker.toCompletableFuture().thenApply(nothing -> sorted).get();
    }
}
