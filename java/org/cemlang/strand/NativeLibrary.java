// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import org.apache.commons.lang3.ArchUtils;
import org.apache.commons.lang3.SystemUtils;
import org.apache.commons.lang3.arch.Processor;

/**
 * Finds and loads libstrand: the file that the property {@value #PROPERTY} names, else {@code
 * System.loadLibrary("strand")}, else the copy in the jar, unpacked into a cache of the user's. Its
 * version must be the jar's.
 */
final class NativeLibrary {
    static final String PROPERTY = "org.cemlang.strand.library";
    static final String VERSION = "0.1.0";

    private NativeLibrary() {}

    /** By the static initialiser of {@link Native}, once. */
    static void load() {
        String named = System.getProperty(PROPERTY);
        String from = named != null ? loadFile(Path.of(named).toAbsolutePath()) : find();
        String version = versionOf(from);
        if (!version.equals(VERSION)) {
            throw new UnsatisfiedLinkError(from + " is version " + version + ", this jar is "
                    + VERSION + "; build or name the one that belongs to it (-D" + PROPERTY + ")");
        }
    }

    private static String find() {
        try {
            System.loadLibrary("strand");
            return System.mapLibraryName("strand") + " on java.library.path";
        } catch (UnsatisfiedLinkError notOnPath) {
            if (!String.valueOf(notOnPath.getMessage()).startsWith("no strand in")) {
                throw notOnPath;
            }
            return loadFile(unpack());
        } catch (NoSuchMethodError | NoSuchFieldError other) {
            throw otherVersion("the library on java.library.path", other);
        }
    }

    private static String loadFile(Path file) {
        try {
            System.load(file.toString());
            return file.toString();
        } catch (UnsatisfiedLinkError refused) {
            String why = String.valueOf(refused.getMessage());
            if (why.contains("failed to map segment") || why.contains("Operation not permitted")) {
                throw new UnsatisfiedLinkError(file + " may not be executed from there (a noexec"
                        + " mount?); put it elsewhere and name it: -D" + PROPERTY + "=FILE");
            }
            throw refused;
        } catch (NoSuchMethodError | NoSuchFieldError other) {
            throw otherVersion(file.toString(), other);
        }
    }

    /** Its natives are not those of this jar. */
    private static UnsatisfiedLinkError otherVersion(String from, LinkageError why) {
        return new UnsatisfiedLinkError(from + " is of another version than this jar (" + VERSION
                + "): " + why.getMessage());
    }

    private static String versionOf(String from) {
        try {
            return new String(Native.version(), StandardCharsets.UTF_8);
        } catch (UnsatisfiedLinkError notRegistered) {
            throw new UnsatisfiedLinkError(
                    from + " is not libstrand, or was built without its Java part");
        }
    }

    // -- the copy in the jar ----------------------------------------------------------------------

    private static Path unpack() {
        String name = System.mapLibraryName("strand");
        String resource = "native/" + platform() + "/" + name;
        try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new UnsatisfiedLinkError("this jar has no libstrand for " + platform()
                        + "; build it and name it: -D" + PROPERTY + "=FILE");
            }
            return store(in.readAllBytes(), name);
        } catch (IOException failed) {
            throw new UnsatisfiedLinkError("libstrand could not be unpacked: " + failed
                    + "; name a copy of it: -D" + PROPERTY + "=FILE");
        }
    }

    /** As the build names the folder: "linux-x86_64". */
    private static String platform() {
        String system = SystemUtils.IS_OS_LINUX ? "linux"
                : SystemUtils.IS_OS_MAC ? "macos"
                : SystemUtils.IS_OS_WINDOWS ? "windows" : SystemUtils.OS_NAME;
        Processor processor = ArchUtils.getProcessor();
        String machine = processor == null ? SystemUtils.OS_ARCH
                : processor.isX86() && processor.is64Bit() ? "x86_64"
                : processor.isAarch64() ? "aarch64" : SystemUtils.OS_ARCH;
        return system + "-" + machine;
    }

    /** Under a name with the content's hash, so that versions and users never share a file. */
    private static Path store(byte[] content, String name) throws IOException {
        Path folder = cacheFolder();
        Path target = folder.resolve(hash(content) + "-" + name);
        if (holds(target, content)) {
            return target;
        }
        Path fresh = folder.resolve(
                target.getFileName() + "." + ProcessHandle.current().pid() + "." + System.nanoTime());
        try {
            Files.write(fresh, content, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            move(fresh, target);
        } finally {
            Files.deleteIfExists(fresh);
        }
        if (!holds(target, content)) {
            throw new IOException(target + " is not what was written to it");
        }
        return target;
    }

    private static void move(Path fresh, Path target) throws IOException {
        try {
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException plain) {
            Files.move(fresh, target, StandardCopyOption.REPLACE_EXISTING);
        } catch (FileAlreadyExistsException another) {
            // Another process was faster; its content is checked as ours would be.
        }
    }

    private static boolean holds(Path file, byte[] content) throws IOException {
        return Files.isRegularFile(file) && Files.size(file) == content.length
                && Arrays.equals(Files.readAllBytes(file), content);
    }

    private static Path cacheFolder() throws IOException {
        String cache = System.getenv("XDG_CACHE_HOME");
        Path home = Path.of(System.getProperty("user.home", ""));
        Path wanted = cache != null && !cache.isEmpty()
                ? Path.of(cache, "strand") : home.resolve(".cache").resolve("strand");
        try {
            // The JDK says "?" where the user has no home: nothing is to appear beneath that.
            if (wanted.isAbsolute() && Files.isWritable(Files.createDirectories(wanted))) {
                return wanted;
            }
        } catch (IOException noHome) {
            // Then, too, a folder that is this process's alone.
        }
        return File.separatorChar == '/'
                ? Files.createTempDirectory("strand", PosixFilePermissions.asFileAttribute(
                        PosixFilePermissions.fromString("rwx------")))
                : Files.createTempDirectory("strand");
    }

    private static String hash(byte[] content) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < 16; i++) {
                text.append(String.format("%02x", digest[i]));
            }
            return text.toString();
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError(impossible);
        }
    }
}
