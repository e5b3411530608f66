// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import javax.tools.ToolProvider;

/** What the tests share. */
final class Support {
    private Support() {}

    static boolean mounted() {
        return Strands.engine().startsWith("mounted");
    }

    static void onlyMounted() {
        assumeTrue(mounted(), "not the mounted engine");
    }

    /** {@code Thread.startVirtualThread}, which JDK 17 has not. */
    static Thread startVirtualThread(Runnable body) throws Exception {
        return (Thread) Thread.class.getMethod("startVirtualThread", Runnable.class)
                .invoke(null, body);
    }

    /** The classes of one source file, beside it. */
    static void compile(Path file, String source, String... options) throws IOException {
        List<String> words = new ArrayList<>(List.of(options));
        words.addAll(List.of("-proc:none", "-d", file.getParent().toString(),
                Files.writeString(file, source).toString()));
        assertEquals(0, ToolProvider.getSystemJavaCompiler()
                .run(null, null, null, words.toArray(String[]::new)));
    }

    /** A body that may throw. */
    interface Body {
        void run() throws Exception;
    }

    /** As a Runnable; what it throws becomes the strand's failure. */
    static Runnable body(Body body) {
        return () -> {
            try {
                body.run();
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        };
    }

    /** A pipe's two ends, in the calling strand's scheduler. */
    record Pipe(LineStream out, LineStream in) {
        static Pipe open() throws IOException {
            int[] ends = NativeSupport.pipe();
            return new Pipe(LineStream.open(ends[1]), LineStream.open(ends[0]));
        }
    }

    /** A connection's two ends, likewise. */
    record Pair(LineStream here, LineStream there) {
        static Pair open() throws IOException {
            try (LineServer server = LineServer.listen("127.0.0.1:0")) {
                LineStream here = LineStream.connect(server.address());
                return new Pair(here, server.accept());
            }
        }
    }

    /** More than a pipe or a connection takes before someone reads. */
    static ByteBuffer flood() {
        return ByteBuffer.allocate(16 << 20);
    }

    /** Strands of one scheduler, run to their end; fails with what a strand failed with. */
    static final class Crew implements AutoCloseable {
        final Scheduler scheduler;
        private final List<Strand> strands = new ArrayList<>();

        Crew() {
            this(new Scheduler.Options());
        }

        Crew(Scheduler.Options options) {
            scheduler = Scheduler.open(options);
        }

        Strand spawn(String name, Body body) {
            Strand strand = scheduler.spawn(name, Support.body(body));
            strands.add(strand);
            return strand;
        }

        void run() {
            scheduler.run();
            for (Strand strand : strands) {
                if (strand.failure() != null) {
                    throw new AssertionError(strand + " failed", strand.failure());
                }
            }
        }

        @Override
        public void close() {
            scheduler.close();
        }
    }

    /** What a body, run in a strand of its own, returns. */
    static <T> T inStrand(Callable<T> body) {
        List<T> result = new ArrayList<>();
        try (Crew crew = new Crew()) {
            crew.spawn("test", () -> result.add(body.call()));
            crew.run();
        }
        assertEquals(1, result.size());
        return result.get(0);
    }

    /** Waits until another thread has come to some state; only its own progress ends it. */
    static void until(Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("did not happen within 30 s");
            }
            Thread.onSpinWait();
        }
    }
}
