// SPDX-License-Identifier: Apache-2.0
/**
 * Strands: code that blocks as plain code does, thousands of it on one thread.
 *
 * <p>{@link org.cemlang.strand.Strands} is where to begin. The core that decides who runs next, what
 * is ready, and when a wait is over is C; this package hands its strands a Java body.
 *
 * <h2>Leave to load the library</h2>
 *
 * <p>That core is a native library, which the jar holds and loads by itself. From JDK 24 on the JVM
 * wants to be told so, prints a warning otherwise, and in a later release refuses. Whoever starts the
 * program says it; a library cannot say it for itself, also not in its jar's manifest:
 *
 * <ul>
 *   <li>on the class path: {@code java --enable-native-access=ALL-UNNAMED ...}
 *   <li>on the module path: {@code java --enable-native-access=org.cemlang.strand ...}
 *   <li>an executable jar, started with {@code java -jar}: {@code Enable-Native-Access: ALL-UNNAMED}
 *       in the manifest of that jar (JDK 22 and later; earlier ones need nothing)
 * </ul>
 *
 * <h2>Where the library comes from</h2>
 *
 * <p>From the file that the system property {@code org.cemlang.strand.library} names; or, where it
 * names a folder, from {@code libstrand.so} in there, or unpacked from the jar into there. Without
 * that property from {@code java.library.path}; else unpacked from the jar to {@code strand} in {@code
 * $XDG_CACHE_HOME} (or {@code ~/.cache}), and where that cannot be, to {@code java.io.tmpdir} or {@code
 * $XDG_RUNTIME_DIR}, for as long as loading takes. The error says what was tried and why each failed.
 */
@NullMarked
package org.cemlang.strand;

import org.jspecify.annotations.NullMarked;
