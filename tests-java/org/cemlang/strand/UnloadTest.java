// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An application that comes and goes, as on a server: its class loader goes, and all with it. */
@Timeout(value = 900, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class UnloadTest {
    @TempDir
    Path folder;

    /** The application: some strands, one of which faults as Java code may. */
    public static final class Application {
        public static void main(String[] words) throws Exception {
            try (Scheduler scheduler = Scheduler.open()) {
                for (int i = 0; i < 100; i++) {
                    scheduler.spawn("of the application", () -> {
                        Strands.yield();
                        Math.abs(Strands.current().name().length());
                    });
                }
                scheduler.run();
            }
        }
    }

    /** {@code Server COUNT ENTRY...}: so many applications, one after the other. */
    static final class Server {
        private static volatile Object nothing;

        public static void main(String[] words) throws Exception {
            URL[] entries = new URL[words.length - 1];
            for (int i = 0; i < entries.length; i++) {
                entries[i] = Path.of(words[i + 1]).toUri().toURL();
            }
            int count = Integer.parseInt(words[0]);
            for (int i = 1; i <= count; i++) {
                awaitGone(deploy(entries));
                if (i == count / 2 || i == count) {
                    System.out.println(residentKb() + " " + mappings("strand") + " " + descriptors());
                }
            }
        }

        private static WeakReference<ClassLoader> deploy(URL[] entries) throws Exception {
            try (URLClassLoader loader =
                    new URLClassLoader(entries, ClassLoader.getPlatformClassLoader())) {
                loader.loadClass(Application.class.getName()).getMethod("main", String[].class)
                        .invoke(null, (Object) new String[0]);
                return new WeakReference<>(loader);
            }
        }

        private static void awaitGone(WeakReference<ClassLoader> loader) throws Exception {
            long endNs = System.nanoTime() + 20_000_000_000L;
            while (loader.get() != null) {
                if (System.nanoTime() > endNs) {
                    throw new IllegalStateException("the class loader stays");
                }
                System.gc();
                Thread.yield();
            }
            try {
                nothing.hashCode();     // a fault of the JVM's own
            } catch (NullPointerException asEver) {
                return;
            }
            throw new IllegalStateException("no NullPointerException");
        }

        private static long residentKb() throws IOException {
            return Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(line -> line.startsWith("VmRSS:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", ""))).sum();
        }

        private static long mappings(String name) throws IOException {
            try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
                return lines.filter(line -> line.contains("lib" + name)).count();
            }
        }

        private static long descriptors() throws IOException {
            try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
                return all.count();
            }
        }
    }

    @Test
    void shouldLeaveNothingBehindAClassLoader() throws Exception {
        int count = Integer.getInteger("org.cemlang.strand.test.loaders", 6);
        String[] entries = System.getProperty("java.class.path").split(java.io.File.pathSeparator);
        String[] words = new String[entries.length + 1];
        words[0] = String.valueOf(count);
        System.arraycopy(entries, 0, words, 1, entries.length);
        ChildJvm.Result result = ChildJvm.likeThis().options("-Xmx64m")
                .environment(Map.of("XDG_CACHE_HOME", folder.toString(), "XDG_RUNTIME_DIR", ""))
                .run(Server.class.getName(), words);
        assertEquals("", result.err());
        assertEquals(0, result.status(), result.out());
        System.out.println("after half and all of " + count + " loaders, resident KiB, mappings of the"
                + " library, descriptors:\n" + result.out());
        long[][] seen = result.out().lines().map(line -> Stream.of(line.split(" "))
                .mapToLong(Long::parseLong).toArray()).toArray(long[][]::new);
        if (!ChildJvm.sanitized()) {     // which keeps what is freed for a while
            assertTrue(seen[1][0] - seen[0][0] < 8 * 1024, result.out());
        }
        assertTrue(seen[1][1] <= seen[0][1] + 1, result.out());
        assertTrue(seen[1][2] <= seen[0][2] + 1, result.out());
    }
}
