// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench.driver;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** The 100 MB of text of group {@code file}: lines of 20 to 120 letters, the same on every machine. */
final class Text {
    static final Path FILE = Path.of("build/bench-text/100mb.txt");
    static final long BYTES = 100_000_000;

    private Text() {}

    static void write() throws IOException {
        if (Files.exists(FILE) && Files.size(FILE) == BYTES) {
            return;
        }
        Files.createDirectories(FILE.getParent());
        Random random = new Random(1);
        byte[] text = new byte[(int) BYTES];
        for (int at = 0; at < text.length; ) {
            int end = Math.min(at + 20 + random.nextInt(101), text.length - 1);
            for (; at < end; at++) {
                text[at] = (byte) ('a' + random.nextInt(26));
            }
            text[at++] = '\n';
        }
        Files.write(FILE, text);
    }

    /** An echo that loses a byte has no speed. This also brings the text into the page cache. */
    static void check(Launcher launcher, List<String> command, List<String> arguments)
            throws IOException, InterruptedException, Systems.Missing {
        Path copy = FILE.resolveSibling("copy.txt");
        try {
            launcher.run(command, arguments, FILE.toFile(), copy.toFile());
            if (Files.mismatch(FILE, copy) != -1) {
                throw new IOException("its output differs from its input");
            }
        } finally {
            Files.deleteIfExists(copy);
        }
    }
}
