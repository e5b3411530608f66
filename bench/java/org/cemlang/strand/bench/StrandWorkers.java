// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import org.cemlang.strand.Strand;
import org.cemlang.strand.Strands;

/** Ours, on the engine that {@code -Dorg.cemlang.strand.engine} names. */
final class StrandWorkers extends Workers {
    private final boolean locksPark =
            !"baton".equals(System.getProperty("org.cemlang.strand.engine"));

    @Override
    void run(Runnable root) {
        Strands.spawn(root);
        Strands.run();
    }

    @Override
    Object start(Runnable body) {
        return Strands.spawn(body);
    }

    @Override
    void join(Object worker) {
        try {
            ((Strand) worker).join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    void yieldTurn() {
        Strands.yield();
    }

    @Override
    boolean locksPark() {
        return locksPark;
    }

    /** In the baton engine only our own calls pass the baton: there they join the opener. */
    @Override
    Gate gate(int workers) {
        return locksPark ? super.gate(workers) : new JoinGate(Strands.current());
    }

    private record JoinGate(Strand opener) implements Gate {
        @Override
        public void await(int index) {
            SYSTEM.join(opener);
        }

        @Override
        public void open() {
            // The opener's end opens it.
        }
    }

    @Override
    String version() {
        return "JDK " + System.getProperty("java.version") + ", " + Strands.engine();
    }
}
