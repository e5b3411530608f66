// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Programs as a user would build them, outside the build: where they find the library. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class NativeLibraryTest {
    private static final String SOURCE = """
            import org.cemlang.strand.Strands;

            public class Program {
                public static void main(String[] words) {
                    for (String name : new String[] {"A", "B", "C"})
                        Strands.spawn(() -> {
                            System.out.print(name);
                            Strands.yield();
                            System.out.print(name);
                        });
                    Strands.run();
                }
            }
            """;

    @TempDir
    Path folder;

    @BeforeEach
    void compile() throws IOException {
        Path source = Files.writeString(folder.resolve("Program.java"), SOURCE);
        int status = ToolProvider.getSystemJavaCompiler().run(null, null, null,
                "-proc:none", "-d", folder.toString(), "-cp", classes().toString(),
                source.toString());
        assertEquals(0, status);
    }

    private static Path classes() {
        return Path.of(System.getProperty("org.cemlang.strand.test.classes"));
    }

    private static Path library() {
        return Path.of(System.getProperty("org.cemlang.strand.library")).toAbsolutePath();
    }

    /** The classes, with a copy of the library or without any. */
    private Path jar(boolean withLibrary) throws IOException {
        Path jar = folder.resolve("strand.jar");
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream entries = new JarOutputStream(out);
                Stream<Path> files = Files.walk(classes())) {
            for (Path file : files.filter(Files::isRegularFile).collect(Collectors.toList())) {
                String name = classes().relativize(file).toString();
                if (!name.contains("native/") && !name.equals("module-info.class")) {
                    add(entries, name, file);
                }
            }
            if (withLibrary) {
                String machine = System.getProperty("os.arch").equals("amd64")
                        ? "x86_64" : System.getProperty("os.arch");
                add(entries, "org/cemlang/strand/native/linux-" + machine + "/libstrand.so",
                        library());
            }
        }
        return jar;
    }

    private static void add(JarOutputStream jar, String name, Path file) throws IOException {
        jar.putNextEntry(new JarEntry(name));
        try (InputStream in = Files.newInputStream(file)) {
            in.transferTo(jar);
        }
        jar.closeEntry();
    }

    private static void assertRan(ChildJvm.Result result) {
        assertEquals("", result.err());
        assertEquals("ABCABC", result.out());
        assertEquals(0, result.status());
    }

    @Test
    void shouldLoadFromTheLibraryPath() throws Exception {
        assertRan(new ChildJvm().classPath(folder, jar(false))
                .options("-Djava.library.path=" + library().getParent())
                .run("Program"));
    }

    @Test
    void shouldLoadTheFileThatThePropertyNames() throws Exception {
        assertRan(new ChildJvm().classPath(folder, jar(false))
                .options("-Djava.library.path=/nowhere",
                        "-Dorg.cemlang.strand.library=" + library())
                .run("Program"));
    }

    @Test
    void shouldLoadTheCopyInTheJar() throws Exception {
        Path cache = folder.resolve("cache");
        ChildJvm child = new ChildJvm().classPath(folder, jar(true))
                .options("-Djava.library.path=/nowhere")
                .environment(Map.of("XDG_CACHE_HOME", cache.toString()));
        assertRan(child.run("Program"));
        Path copy;
        try (Stream<Path> files = Files.list(cache.resolve("strand"))) {
            List<Path> all = files.collect(Collectors.toList());
            assertEquals(1, all.size(), all.toString());
            copy = all.get(0);
        }
        assertRan(child.run("Program"));
        Files.writeString(copy, "spoiled");
        assertRan(child.run("Program"));
        assertEquals(-1, Files.mismatch(library(), copy));
    }

    @Test
    void shouldLeaveNothingBehindForAUserWithoutAHome() throws Exception {
        Path temporary = Files.createDirectory(folder.resolve("temporary"));
        assertRan(new ChildJvm().classPath(folder, jar(true))
                .options("-Djava.library.path=/nowhere", "-Duser.home=?",
                        "-Djava.io.tmpdir=" + temporary)
                .environment(Map.of("XDG_CACHE_HOME", ""))
                .run("Program"));
        assertFalse(Files.exists(Path.of("?")));
    }

    @Test
    void shouldRefuseALibraryOfAnotherVersionInOneLine() throws Exception {
        Path other = NativeSupport.library("strand_other_version");
        ChildJvm.Result result = new ChildJvm().classPath(folder, jar(false))
                .options("-Dorg.cemlang.strand.library=" + other)
                .run("Program");
        assertEquals(1, result.status());
        String first = result.err().lines().findFirst().orElse("");
        assertTrue(first.contains("UnsatisfiedLinkError") && first.contains("99.0.0")
                && first.contains(NativeLibrary.VERSION), result.err());
    }

    @Test
    void shouldSayWhatToSetWhereThereIsNone() throws Exception {
        ChildJvm.Result result = new ChildJvm().classPath(folder, jar(false))
                .options("-Djava.library.path=/nowhere")
                .run("Program");
        assertEquals(1, result.status());
        assertTrue(result.err().contains("-D" + NativeLibrary.PROPERTY), result.err());
    }

    @Test
    void shouldBeOfTheLibrarysVersion() {
        assertEquals(NativeLibrary.VERSION, new String(Native.version()));
    }
}
