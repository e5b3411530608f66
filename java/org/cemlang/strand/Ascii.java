// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Text whose bytes are its characters, in place of {@link String#getBytes(Charset)}, which makes an
 * array for each. The JDK copies the characters of a string that it keeps as bytes into an array that
 * is there, but says of no string whether it is one: its package-private {@code coder} does.
 */
final class Ascii {
    private static final @Nullable MethodHandle CODER = findCoder();
    private static final byte LATIN_1 = 0;
    private static final VarHandle WORDS =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long HIGH_BITS = 0x8080_8080_8080_8080L;

    private Ascii() {}

    private static @Nullable MethodHandle findCoder() {
        MethodHandles.Lookup lookup = Native.trustedLookup();
        if (lookup == null) {
            return null;
        }
        try {
            return lookup.findVirtual(String.class, "coder", MethodType.methodType(byte.class));
        } catch (ReflectiveOperationException without) {
            return null;
        }
    }

    /** Whether ASCII text has the same bytes in it. */
    static boolean isPartOf(Charset charset) {
        return charset == StandardCharsets.UTF_8 || charset == StandardCharsets.ISO_8859_1
                || charset == StandardCharsets.US_ASCII;
    }

    /** Whether the text is ASCII and fits, and then its bytes are in the array, from 0 on. */
    @SuppressWarnings("deprecation")     // it takes the lower halves of characters: of these, all
    static boolean copy(String text, byte[] to) {
        int length = text.length();
        if (CODER == null || length > to.length || !isLatin1(text)) {
            return false;
        }
        text.getBytes(0, length, to, 0);
        return isAscii(to, length);
    }

    private static boolean isLatin1(String text) {
        try {
            return CODER != null && (byte) CODER.invokeExact(text) == LATIN_1;
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    private static boolean isAscii(byte[] bytes, int length) {
        long all = 0;
        int done = 0;
        for (; done + 8 <= length; done += 8) {
            all |= (long) WORDS.get(bytes, done);
        }
        for (; done < length; done++) {
            all |= bytes[done];
        }
        return (all & HIGH_BITS) == 0;
    }
}
