// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.commons.lang3.ArchUtils;
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

    /** A folder in which nothing can be made; JDK 25 warns of one that is not there. */
    private static final Path NOWHERE = Path.of("/proc");

    private static final int NOBODY = 65534;

    @TempDir
    Path folder;

    @BeforeEach
    void compile() throws IOException {
        Support.compile(folder.resolve("Program.java"), SOURCE, "-cp", classes().toString());
    }

    private static Path classes() {
        return Path.of(System.getProperty("org.cemlang.strand.test.classes"));
    }

    private static Path library() {
        return Path.of(System.getProperty("org.cemlang.strand.library")).toAbsolutePath();
    }

    private static String machine() {
        String machine = System.getProperty("os.arch");
        return machine.equals("amd64") ? "x86_64" : machine;
    }

    /** The classes, with a copy of the library or without any. */
    private Path jar(boolean withLibrary) throws IOException {
        return jarFor(withLibrary ? new String[] {"linux-" + machine()} : new String[0]);
    }

    /** With this library for each of these. */
    private Path jarFor(String... platforms) throws IOException {
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
            for (String platform : platforms) {
                String file = platform.startsWith("macos") ? "libstrand.dylib" : "libstrand.so";
                add(entries, "org/cemlang/strand/native/" + platform + "/" + file, library());
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

    /** Where the library is to be unpacked and nowhere else, each a folder of this test's. */
    private ChildJvm unpacking(Path jar, Path cache, Path temporary) {
        return new ChildJvm().classPath(folder, jar)
                .options("-Djava.library.path=/nowhere", "-Djava.io.tmpdir=" + temporary)
                .environment(Map.of("XDG_CACHE_HOME", cache.toString(), "XDG_RUNTIME_DIR", ""));
    }

    private static List<Path> list(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().collect(Collectors.toList());
        }
    }

    private static String permissions(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
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
    void shouldLoadTheLibraryInTheFolderThatThePropertyNames() throws Exception {
        assertRan(new ChildJvm().classPath(folder, jar(false))
                .options("-Dorg.cemlang.strand.library=" + library().getParent())
                .run("Program"));
    }

    @Test
    void shouldUnpackIntoTheFolderThatThePropertyNames() throws Exception {
        Path named = Files.createDirectory(folder.resolve("named"));
        assertRan(unpacking(jar(true), folder.resolve("cache"), folder)
                .options("-Dorg.cemlang.strand.library=" + named)
                .run("Program"));
        assertEquals(1, list(named).size());
        assertFalse(Files.exists(folder.resolve("cache")));
    }

    /** As a script's variable that is not set gives it; it must not mean the current folder. */
    @Test
    void shouldTakeAnEmptyPropertyForNone() throws Exception {
        Path cache = folder.resolve("cache");
        assertRan(unpacking(jar(true), cache, NOWHERE)
                .options("-Dorg.cemlang.strand.library=")
                .run("Program"));
        assertEquals(1, list(cache.resolve("strand")).size());
    }

    /** Under LC_ALL=C the JDK has no path for a name beyond ASCII. */
    @Test
    void shouldPassByAPlaceThatCannotBeNamed() throws Exception {
        Charset ours = Charset.forName(System.getProperty("sun.jnu.encoding"));
        assumeTrue(ours.newEncoder().canEncode('\u00e9'), () -> "names here are " + ours);
        Path temporary = Files.createDirectory(folder.resolve("temporary"));
        assertRan(unpacking(jar(true), folder.resolve("cache"), temporary)
                .environment(Map.of("XDG_CACHE_HOME", folder + "/caf\u00e9", "LC_ALL", "C",
                        "XDG_RUNTIME_DIR", ""))
                .run("Program"));
        assertEquals(List.of(), list(temporary));
    }

    @Test
    void shouldLoadTheCopyInTheJar() throws Exception {
        Path cache = folder.resolve("cache");
        ChildJvm child = unpacking(jar(true), cache, NOWHERE);
        assertRan(child.run("Program"));
        List<Path> all = list(cache.resolve("strand"));
        assertEquals(1, all.size(), all.toString());
        Path copy = all.get(0);
        assertRan(child.run("Program"));
        Files.writeString(copy, "spoiled");
        assertRan(child.run("Program"));
        assertEquals(-1, Files.mismatch(library(), copy));
    }

    @Test
    void shouldUnpackForTheUserAlone() throws Exception {
        Path cache = folder.resolve("cache");
        assertRan(unpacking(jar(true), cache, NOWHERE).run("Program"));
        assertEquals("rwx------", permissions(cache.resolve("strand")));
        assertEquals("rw-------", permissions(list(cache.resolve("strand")).get(0)));
    }

    /** Whoever can write there could put another library under that name. */
    @Test
    void shouldKeepOutOfACacheThatOthersCanWriteTo() throws Exception {
        Path cache = Files.createDirectories(folder.resolve("cache").resolve("strand"));
        Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path temporary = Files.createDirectory(folder.resolve("temporary"));
        assertRan(unpacking(jar(true), cache.getParent(), temporary).run("Program"));
        assertEquals(List.of(), list(cache));
        assertEquals(List.of(), list(temporary));
        ChildJvm.Result result = unpacking(jar(true), cache.getParent(), NOWHERE)
                .run("Program");
        assertTrue(result.err().contains("the user's cache " + cache + ": others can write to it"),
                result.err());
    }

    /** As another user, since root sees no permissions. */
    @Test
    void shouldPassByACacheThatIsAnothers() throws Exception {
        assumeTrue(Files.getOwner(folder).getName().equals("root"),
                "not root, and so never another user");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/setpriv")), "no setpriv on this machine");
        Path open = Files.createTempDirectory("strand-another");
        try {
            Path cache = Files.createDirectories(open.resolve("cache").resolve("strand"));
            Path temporary = Files.createDirectory(open.resolve("temporary"));
            Path commons = Files.copy(Path.of(org.apache.commons.lang3.SystemUtils.class
                    .getProtectionDomain().getCodeSource().getLocation().toURI()),
                    open.resolve("commons.jar"));
            Path jar = Files.copy(jar(true), open.resolve("strand.jar"));
            Files.copy(folder.resolve("Program.class"), open.resolve("Program.class"));
            Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
            Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwxrwxrwx"));
            assertRan(unpacking(jar, cache.getParent(), temporary).classPath(open, jar, commons)
                    .as(NOBODY).run("Program"));
            assertEquals(List.of(), list(cache));
            ChildJvm.Result result = unpacking(jar, cache.getParent(), NOWHERE)
                    .classPath(open, jar, commons).as(NOBODY).run("Program");
            assertTrue(result.err().contains("the user's cache " + cache + ": java.nio.file.Access"),
                    result.err());
        } finally {
            try (Stream<Path> files = Files.walk(open)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    /** A link to elsewhere is another's file, even where the bytes are right. */
    @Test
    void shouldReplaceALinkInItsCache() throws Exception {
        Path cache = folder.resolve("cache");
        ChildJvm child = unpacking(jar(true), cache, NOWHERE);
        assertRan(child.run("Program"));
        Path copy = list(cache.resolve("strand")).get(0);
        Files.delete(copy);
        Files.createSymbolicLink(copy, library());
        assertRan(child.run("Program"));
        assertFalse(Files.isSymbolicLink(copy));
    }

    @Test
    void shouldLeaveNothingInTheTemporaryFolder() throws Exception {
        Path cache = Files.writeString(folder.resolve("cache"), "in the way");
        Path temporary = Files.createDirectory(folder.resolve("temporary"));
        assertRan(unpacking(jar(true), cache, temporary).run("Program"));
        assertEquals(List.of(), list(temporary));
    }

    @Test
    void shouldSayWhatWasTriedAndWhyEachFailed() throws Exception {
        Path cache = Files.writeString(folder.resolve("cache"), "in the way");
        ChildJvm.Result result = unpacking(jar(true), cache, NOWHERE)
                .run("Program");
        assertEquals(1, result.status());
        List<String> tried = result.err().lines().filter(line -> line.startsWith("  "))
                .collect(Collectors.toList());
        assertEquals(4, tried.size(), result.err());
        assertTrue(tried.get(0).startsWith("  java.library.path: no strand in"), result.err());
        assertTrue(tried.get(1).startsWith("  the user's cache " + cache), result.err());
        assertTrue(tried.get(2).startsWith("  java.io.tmpdir " + NOWHERE + ": java.nio.file."),
                result.err());
        assertEquals("  XDG_RUNTIME_DIR: not set", tried.get(3));
        assertTrue(result.err().contains("-D" + NativeLibrary.PROPERTY + "=PATH"), result.err());
    }

    @Test
    void shouldPassByALibraryOnThePathThatIsNotTheJars() throws Exception {
        Path system = Files.createDirectory(folder.resolve("system"));
        Files.copy(NativeSupport.library("strand_other_version"), system.resolve("libstrand.so"));
        Path cache = folder.resolve("cache");
        assertRan(unpacking(jar(true), cache, folder)
                .options("-Djava.library.path=" + system)
                .run("Program"));
        assertEquals(1, list(cache.resolve("strand")).size());
    }

    @Test
    void shouldNameAPlatformThatTheJarLacks() throws Exception {
        String other = machine().equals("x86_64") ? "aarch64" : "x86_64";
        ChildJvm child = unpacking(jarFor("linux-" + other, "macos-aarch64"),
                folder.resolve("cache"), folder);
        ChildJvm.Result result = child.run("Program");
        assertEquals(1, result.status());
        assertTrue(result.err().contains("  the jar: it has no libstrand for linux-" + machine()
                + ", only for linux-" + other + ", macos-aarch64\n"), result.err());
        result = child.options("-Dos.arch=riscv64").run("Program");
        assertTrue(result.err().contains("no libstrand for linux-riscv64,"), result.err());
    }

    // -- class loaders ----------------------------------------------------------------------------

    private ChildJvm.Result loaders(Path jar, Path cache, Path temporary, int count,
            String... options) throws Exception {
        Path commons = Path.of(ArchUtils.class.getProtectionDomain().getCodeSource().getLocation()
                .toURI());
        return new ChildJvm().classPath(Path.of(Loaders.class.getProtectionDomain().getCodeSource()
                        .getLocation().toURI()))
                .options("-Djava.library.path=/nowhere", "-Djava.io.tmpdir=" + temporary)
                .options(options)
                .environment(Map.of("XDG_CACHE_HOME", cache.toString(), "XDG_RUNTIME_DIR", ""))
                .run(Loaders.class.getName(), String.valueOf(count), folder.toString(),
                        jar.toString(), commons.toString());
    }

    private static void assertRanIn(int loaders, ChildJvm.Result result) {
        assertEquals("", result.err());
        assertEquals("ABCABC".repeat(loaders), result.out());
        assertEquals(0, result.status());
    }

    @Test
    void shouldLoadACopyForEachClassLoader() throws Exception {
        Path cache = folder.resolve("cache");
        Path jar = jar(true);
        assertRanIn(2, loaders(jar, cache, NOWHERE, 2));
        assertEquals(2, list(cache.resolve("strand")).size());
        assertRanIn(2, loaders(jar, cache, NOWHERE, 2));
        assertEquals(2, list(cache.resolve("strand")).size());
    }

    @Test
    void shouldKeepEightCopiesAndNoMore() throws Exception {
        Path cache = folder.resolve("cache");
        Path temporary = Files.createDirectory(folder.resolve("temporary"));
        assertRanIn(10, loaders(jar(true), cache, temporary, 10));
        assertEquals(8, list(cache.resolve("strand")).size());
        assertEquals(List.of(), list(temporary));
    }

    @Test
    void shouldCopyTheNamedLibraryForASecondClassLoader() throws Exception {
        Path cache = folder.resolve("cache");
        assertRanIn(2, loaders(jar(false), cache, NOWHERE, 2,
                "-Dorg.cemlang.strand.library=" + library()));
        assertEquals(1, list(cache.resolve("strand")).size());
    }

    // -- leave ------------------------------------------------------------------------------------

    @Test
    void shouldSayHowToGiveLeave() throws Exception {
        assumeTrue(Runtime.version().feature() >= 24, "JDK 24 and later ask for leave");
        ChildJvm.Result result = new ChildJvm().classPath(folder, jar(false)).withoutLeave()
                .options("--illegal-native-access=deny",
                        "-Dorg.cemlang.strand.library=" + library())
                .run("Program");
        assertEquals(1, result.status());
        assertTrue(result.err().contains("UnsatisfiedLinkError")
                && result.err().contains("--enable-native-access=ALL-UNNAMED"), result.err());
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
        assertEquals(List.of(), list(temporary));
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
        assertTrue(result.err().contains("it has no libstrand for linux-" + machine()
                + ", nor for any other platform\n"), result.err());
    }

    @Test
    void shouldBeOfTheLibrarysVersion() {
        assertEquals(NativeLibrary.VERSION, new String(Native.version()));
    }
}
