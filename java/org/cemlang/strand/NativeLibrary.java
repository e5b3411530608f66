// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.commons.lang3.ArchUtils;
import org.apache.commons.lang3.SystemUtils;
import org.apache.commons.lang3.arch.Processor;
import org.jspecify.annotations.Nullable;

/**
 * Finds and loads libstrand: the file that the property {@value #PROPERTY} names, else {@code
 * System.loadLibrary("strand")}, else the copy in the jar, unpacked where {@link LibraryCopy} says.
 * Its version must be the jar's. Where the property names a folder, that is the library in there, or
 * else where the copy in the jar is unpacked.
 *
 * <p>One class loader of a JVM can have a library, and each gets its own copy: whoever comes second
 * to a file loads another one with the same bytes.
 */
final class NativeLibrary {
    static final String PROPERTY = "org.cemlang.strand.library";
    static final String VERSION = "0.1.0";

    /** What {@link #refusal} gives where a copy helps. */
    static final String HELD = "loaded by another class loader of this JVM";

    /** The folders that a build may fill, as it names them; macOS's are not built yet. */
    private static final List<String> PLATFORMS =
            List.of("linux-x86_64", "linux-aarch64", "macos-x86_64", "macos-aarch64");

    private final String platform = platform();
    private final String name = fileName(platform);
    private final List<String> tried = new ArrayList<>();

    private NativeLibrary() {}

    /** By the static initialiser of {@link Native}, once. */
    static void load() {
        try {
            String named = System.getProperty(PROPERTY);
            if (named != null && !named.isEmpty()) {
                new NativeLibrary().loadNamed(Path.of(named).toAbsolutePath());
            } else {
                new NativeLibrary().find();
            }
        } catch (IllegalCallerException denied) {
            Module module = NativeLibrary.class.getModule();
            throw new UnsatisfiedLinkError(denied.getMessage() + "; let Strand load its library: "
                    + "--enable-native-access="
                    + (module.isNamed() ? module.getName() : "ALL-UNNAMED"));
        }
    }

    private void loadNamed(Path named) {
        Path file = Files.isDirectory(named) ? named.resolve(name) : named;
        if (Files.isDirectory(named) && !Files.exists(file)) {
            unpack(List.of(new LibraryCopy.Place(LibraryCopy.Kind.NAMED, PROPERTY, named)));
            return;
        }
        String why = refusal(file);
        if (HELD.equals(why)) {
            try {
                loadCopy(Files.readAllBytes(file), LibraryCopy.places());
                return;
            } catch (IOException unreadable) {
                why += ", and cannot be copied: " + unreadable;
            }
        }
        if (why != null) {
            throw new UnsatisfiedLinkError(
                    file + ": " + why + "; name the one that belongs to this jar: -D" + PROPERTY);
        }
    }

    private void find() {
        try {
            System.loadLibrary("strand");
            String why = otherVersion();
            if (why == null) {
                return;
            }
            // Such as the system's, for programs in C. What it has registered the copy's replace.
            tried.add("java.library.path: " + name + " is " + why);
        } catch (UnsatisfiedLinkError | NoSuchMethodError | NoSuchFieldError notThere) {
            tried.add("java.library.path: " + reasonOf(notThere));
        }
        unpack(LibraryCopy.places());
    }

    // -- loading a file ---------------------------------------------------------------------------

    /** Loads it: null when that is done, else why not. */
    private static @Nullable String refusal(Path file) {
        try {
            System.load(file.toString());
            return otherVersion();
        } catch (UnsatisfiedLinkError | NoSuchMethodError | NoSuchFieldError refused) {
            return reasonOf(refused);
        }
    }

    private static String reasonOf(LinkageError refused) {
        String why = String.valueOf(refused.getMessage());
        if (!(refused instanceof UnsatisfiedLinkError)) { // its natives are not those of this jar
            return "another version than this jar (" + VERSION + "): " + why;
        }
        if (why.contains("already loaded in another classloader")) {
            return HELD;
        }
        if (why.contains("failed to map segment") || why.contains("Operation not permitted")) {
            return "it may not be executed from there (a noexec mount?)";
        }
        return why;
    }

    private static @Nullable String otherVersion() {
        try {
            String version = new String(Native.version(), StandardCharsets.UTF_8);
            return version.equals(VERSION) ? null
                    : "version " + version + ", this jar is " + VERSION;
        } catch (UnsatisfiedLinkError notRegistered) {
            return "not libstrand, or built without its Java part";
        }
    }

    // -- the copy in the jar ----------------------------------------------------------------------

    private void unpack(List<LibraryCopy.Place> places) {
        try (InputStream in = open(platform)) {
            if (in != null) {
                loadCopy(in.readAllBytes(), places);
                return;
            }
        } catch (IOException unreadable) {
            tried.add("the jar: " + unreadable);
            throw failure();
        }
        tried.add("the jar: it has no libstrand for " + platform + inside());
        throw failure();
    }

    private void loadCopy(byte[] content, List<LibraryCopy.Place> places) {
        LibraryCopy copy = new LibraryCopy(content, name, NativeLibrary::refusal);
        for (LibraryCopy.Place place : places) {
            String why = copy.load(place);
            if (why == null) {
                return;
            }
            tried.add(place + ": " + why);
        }
        throw failure();
    }

    private UnsatisfiedLinkError failure() {
        return new UnsatisfiedLinkError("libstrand could not be loaded; name it, or a folder that it"
                + " can be unpacked to and executed in: -D" + PROPERTY + "=PATH. Tried:\n  "
                + String.join("\n  ", tried));
    }

    private @Nullable InputStream open(String platform) {
        return NativeLibrary.class.getResourceAsStream(
                "native/" + platform + "/" + fileName(platform));
    }

    private static String fileName(String platform) {
        return platform.startsWith("macos") ? "libstrand.dylib" : "libstrand.so";
    }

    private String inside() {
        String platforms = PLATFORMS.stream().filter(this::has).collect(Collectors.joining(", "));
        return platforms.isEmpty() ? ", nor for any other platform" : ", only for " + platforms;
    }

    private boolean has(String platform) {
        try (InputStream in = open(platform)) {
            return in != null;
        } catch (IOException unreadable) {
            return false;
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
}
