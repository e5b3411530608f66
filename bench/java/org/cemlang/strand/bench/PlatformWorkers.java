// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

/** One platform thread each. */
final class PlatformWorkers extends Workers {
    @Override
    void run(Runnable root) {
        root.run();
    }

    @Override
    Object start(Runnable body) {
        Thread thread = new Thread(body);
        thread.start();
        return thread;
    }

    @Override
    void join(Object worker) {
        joinThread((Thread) worker);
    }

    static void joinThread(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    void yieldTurn() {
        Thread.yield();
    }

    @Override
    String version() {
        return "JDK " + System.getProperty("java.version");
    }
}
