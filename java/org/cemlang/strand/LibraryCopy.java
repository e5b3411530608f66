// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The library's bytes, on their way into a file that can be loaded.
 *
 * <p>First into a cache of the user's, under a name with the content's hash: every JVM maps the same
 * file, those that are killed leave at most a part of one behind, and class loaders that come and go
 * meet the mapping of those before them, since the library is never unmapped. Where that fails (no
 * home, full, not executable) into a folder of this process alone, gone as soon as the file is mapped.
 *
 * <p>Whoever can write to such a file runs code as this user. So both folders are the user's alone,
 * a file comes to its name by a move, whole, and is read back before it is loaded.
 */
final class LibraryCopy {
    /** Files in a kept folder, for as many class loaders of one JVM at a time. */
    private static final int KEPT = 8;

    private static final boolean POSIX =
            FileSystems.getDefault().supportedFileAttributeViews().contains("posix");

    enum Kind {
        /** The user has named it: taken as it is. */
        NAMED,
        /** Made if need be, kept, shared by the JVMs of one user. */
        CACHE,
        /** Holds a folder for this process, for a moment. */
        PASSING
    }

    /** Where to unpack; there may be no such folder on this machine. */
    record Place(Kind kind, String what, @Nullable Path folder) {
        @Override
        public String toString() {
            return folder == null ? what : what + " " + folder;
        }
    }

    private final byte[] content;
    private final String name;
    private final Function<Path, @Nullable String> loader;

    /** {@code loader} gives why it cannot load a file, and null when it has. */
    LibraryCopy(byte[] content, String name, Function<Path, @Nullable String> loader) {
        this.content = content;
        this.name = name;
        this.loader = loader;
    }

    /** Best first. */
    static List<Place> places() {
        Path cache = variable("XDG_CACHE_HOME");
        if (cache == null) {
            Path home = absolute(System.getProperty("user.home"));
            cache = home == null ? null : home.resolve(".cache");
        }
        return List.of(
                new Place(Kind.CACHE, "the user's cache",
                        cache == null ? null : cache.resolve("strand")),
                new Place(Kind.PASSING, "java.io.tmpdir",
                        absolute(System.getProperty("java.io.tmpdir"))),
                new Place(Kind.PASSING, "XDG_RUNTIME_DIR", variable("XDG_RUNTIME_DIR")));
    }

    private static @Nullable Path variable(String name) {
        return absolute(System.getenv(name));
    }

    /** The JDK says "?" where a user has no home: nothing is to appear beneath that. */
    private static @Nullable Path absolute(@Nullable String folder) {
        try {
            return folder != null && Path.of(folder).isAbsolute() ? Path.of(folder) : null;
        } catch (InvalidPathException notInThisEncoding) { // a name beyond ASCII under LC_ALL=C
            return null;
        }
    }

    /** Null when it is loaded from there, else why not. */
    @Nullable String load(Place place) {
        Path folder = place.folder();
        if (folder == null) {
            return "not set";
        }
        try {
            if (place.kind() == Kind.PASSING) {
                return loadPassing(folder);
            }
            if (place.kind() == Kind.CACHE) {
                openCache(folder);
            }
            return loadKept(folder);
        } catch (IOException failed) {
            return reason(failed);
        }
    }

    private static String reason(IOException failed) {
        return failed.getClass() == IOException.class
                ? String.valueOf(failed.getMessage()) : failed.toString();
    }

    private @Nullable String loadPassing(Path parent) throws IOException {
        Path folder = Files.createTempDirectory(parent, "strand", permissions("rwx------"));
        Path file = folder.resolve(name);
        try {
            write(file);
            return loader.apply(file);
        } finally {
            Files.deleteIfExists(file);
            Files.deleteIfExists(folder);
        }
    }

    private @Nullable String loadKept(Path folder) throws IOException {
        for (int i = 1; i <= KEPT; i++) {
            Path file = folder.resolve(hash(content) + (i == 1 ? "-" : "-" + i + "-") + name);
            store(file);
            String why = loader.apply(file);
            if (!NativeLibrary.HELD.equals(why)) {
                return why;
            }
        }
        return "each of its " + KEPT + " copies is " + NativeLibrary.HELD;
    }

    // -- the file ---------------------------------------------------------------------------------

    private void store(Path file) throws IOException {
        if (holds(file)) {
            return;
        }
        Path fresh = file.resolveSibling(
                file.getFileName() + "." + ProcessHandle.current().pid() + "." + System.nanoTime());
        try {
            write(fresh);
            move(fresh, file);
        } finally {
            Files.deleteIfExists(fresh);
        }
        if (!holds(file)) {
            throw new IOException(file + " is not what was written to it");
        }
    }

    private void write(Path file) throws IOException {
        try (SeekableByteChannel out = Files.newByteChannel(file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                permissions("rw-------"))) {
            ByteBuffer rest = ByteBuffer.wrap(content);
            while (rest.hasRemaining()) {
                out.write(rest);
            }
        }
    }

    /** Another process may be faster, and its file is then replaced by the same. */
    private static void move(Path fresh, Path file) throws IOException {
        try {
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException plain) {
            Files.move(fresh, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private boolean holds(Path file) throws IOException {
        return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
                && Files.size(file) == content.length
                && Arrays.equals(Files.readAllBytes(file), content);
    }

    // -- the cache --------------------------------------------------------------------------------

    private static void openCache(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) { // JDK 17 takes a link to one for something in the way
            Files.createDirectories(folder, permissions("rwx------"));
        }
        if (POSIX) {
            checkOwn(folder);
        }
    }

    /** A file made there shows who we are; a container may have no name for this user. */
    private static void checkOwn(Path folder) throws IOException {
        Path probe = Files.createTempFile(folder, "owner", null, permissions("rw-------"));
        try {
            if (!Files.getOwner(probe).equals(Files.getOwner(folder))) {
                throw new IOException("it belongs to " + Files.getOwner(folder));
            }
        } finally {
            Files.deleteIfExists(probe);
        }
        Set<PosixFilePermission> granted = Files.getPosixFilePermissions(folder);
        if (granted.contains(PosixFilePermission.GROUP_WRITE)
                || granted.contains(PosixFilePermission.OTHERS_WRITE)) {
            throw new IOException("others can write to it");
        }
    }

    private static FileAttribute<?>[] permissions(String text) {
        return POSIX ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(
                PosixFilePermissions.fromString(text))} : new FileAttribute<?>[0];
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
