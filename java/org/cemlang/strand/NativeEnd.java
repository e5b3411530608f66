// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** The end of a native strand, told by the carrier between two turns, from below a native frame. */
final class NativeEnd {
    final CountDownLatch ended = new CountDownLatch(1);
    /** Null until the spawn has returned, and then nobody has asked for the end yet. */
    volatile @Nullable NativeStrand strand;

    /** cpp/jni/native_glue.c calls it. No user's code, and nothing a strand could hold. */
    void tell() {
        ended.countDown();
        NativeStrand told = strand;
        if (told != null) {
            told.tellLateEnd();
        }
    }
}
