// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

/**
 * What the cases need of a system under test: things that run code in turn on one core. Which one is
 * measured is chosen once a JVM, by {@code -Dbench.system}, so that the JIT sees one implementation.
 */
abstract class Workers {
    static final Workers SYSTEM = of(System.getProperty("bench.system", "strand-java"));

    /** Where many workers wait until all are let go. */
    interface Gate {
        void await(int index);

        void open();
    }

    private static Workers of(String system) {
        return switch (system) {
            case "strand-java", "strand-java-baton", "strand-java-17" -> new StrandWorkers();
            case "jdk-virtual" -> new VirtualWorkers();
            case "platform-threads-17", "buffered-reader" -> new PlatformWorkers();
            default -> throw new IllegalArgumentException("bench.system: " + system);
        };
    }

    /** Runs {@code root} as a worker, and all that it starts, to the end. */
    abstract void run(Runnable root);

    /** Starts a worker, from a worker. */
    abstract Object start(Runnable body);

    abstract void join(Object worker);

    abstract void yieldTurn();

    /** Whether LockSupport parks one worker only; in the baton engine it would keep the baton. */
    boolean locksPark() {
        return true;
    }

    /** A gate for {@code workers}, made by the worker that will open it. */
    Gate gate(int workers) {
        return new ParkGate(workers);
    }

    abstract String version();
}
