// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The Java object of each strand, by the slot number of the core's table: one for the process, in
 * chunks that are never moved, so that the carrier reads it without a lock.
 *
 * <p>An entry is put in before the core hears that its strand is ready, and taken out before the
 * core hears that it has finished, so the carrier never meets a slot's earlier or later owner.
 */
final class StrandTable {
    private static final int CHUNK_BITS = 12;
    private static final int CHUNK_MASK = (1 << CHUNK_BITS) - 1;

    private static volatile Strand[][] chunks = new Strand[0][];

    private StrandTable() {}

    static Strand get(int slot) {
        return chunks[slot >>> CHUNK_BITS][slot & CHUNK_MASK];
    }

    /** For those who may come with a number that no Java strand ever had. */
    static @Nullable Strand find(int slot) {
        Strand[][] all = chunks;
        int chunk = slot >>> CHUNK_BITS;
        return chunk < all.length ? all[chunk][slot & CHUNK_MASK] : null;
    }

    static void put(int slot, @Nullable Strand strand) {
        int chunk = slot >>> CHUNK_BITS;
        if (chunk >= chunks.length) {
            grow(chunk);
        }
        chunks[chunk][slot & CHUNK_MASK] = strand;
    }

    /** Those of a scheduler, looked for in the whole table; adopted threads among them. */
    static void forEach(Scheduler scheduler, Consumer<Strand> visit) {
        for (Strand[] chunk : chunks) {
            for (Strand strand : chunk) {
                if (strand != null && strand.scheduler == scheduler) {
                    visit.accept(strand);
                }
            }
        }
    }

    /** Some strand of a scheduler, looked for in the whole table. */
    static @Nullable Strand anyOf(Scheduler scheduler) {
        for (Strand[] chunk : chunks) {
            for (Strand strand : chunk) {
                if (strand != null && strand.scheduler == scheduler) {
                    return strand;
                }
            }
        }
        return null;
    }

    /** Rare, and nothing in it can park a strand, so that the lock is held for a moment only. */
    private static synchronized void grow(int chunk) {
        int length = chunks.length;
        if (chunk < length) {
            return;
        }
        Strand[][] larger = Arrays.copyOf(chunks, chunk + 1);
        for (int i = length; i <= chunk; i++) {
            larger[i] = new Strand[CHUNK_MASK + 1];
        }
        chunks = larger;
    }
}
