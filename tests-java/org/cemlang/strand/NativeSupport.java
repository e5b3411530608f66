// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** tests-java/native/native_support.c. */
final class NativeSupport {
    static {
        System.load(library("strand_native_support").toString());
    }

    private NativeSupport() {}

    private static native int pipe(int[] ends);

    /** A native strand that runs {@code body} by strand_call_on_carrier; for {@link #outcome}. */
    static native long spawnCalling(long scheduler, Runnable body);
    static native int outcome(long spawned);

    /** A native strand that appends a letter to {@code log} and yields, {@code times} over. */
    static native long spawnScribe(long scheduler, ByteBuffer log, char letter, int times);

    /** Addresses of C functions: of what {@link #scribe} returns; of a byte; of anything. */
    static final int WRITES_LETTERS = 0;
    static final int SLEEPS_LONG = 1;
    static final int EXITS_AT_ONCE = 2;

    static native long function(int which);

    /** Of {@link #WRITES_LETTERS}, once: a letter and a yield, {@code times} over. */
    static native long scribe(ByteBuffer log, char letter, int times);
    static native long address(ByteBuffer direct);

    /** Runs {@code body} under a native frame. */
    static native void callBack(Runnable body);

    /** A native strand, "deep one" on 64 KiB, that overflows its stack. */
    static native int spawnOverflowing(long scheduler);

    /** The same on a scheduler of C's own, run by the calling thread. */
    static native int overflow(boolean report);

    /** Reads a byte: here, and in a native strand. */
    static native void read(long address);
    static native int spawnReading(long scheduler, long address);

    /** The descriptors of a new pipe: its read end, its write end. */
    static int[] pipe() throws IOException {
        int[] ends = new int[2];
        int status = pipe(ends);
        if (status < 0) {
            throw new IOException("pipe: " + Errno.text(status));
        }
        return ends;
    }

    static Path library(String name) {
        String build = System.getProperty("org.cemlang.strand.test.build");
        return Path.of(build, "tests-java", "native", System.mapLibraryName(name)).toAbsolutePath();
    }
}
