// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * The JDK's virtual threads on its own scheduler. They are found by name, because this compiles for
 * 17; a constant method handle costs nothing once compiled.
 */
final class VirtualWorkers extends Workers {
    private static final MethodHandle START = findStart();

    private static MethodHandle findStart() {
        try {
            return MethodHandles.publicLookup().findStatic(Thread.class, "startVirtualThread",
                    MethodType.methodType(Thread.class, Runnable.class));
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    @Override
    void run(Runnable root) {
        join(start(root));
    }

    @Override
    Object start(Runnable body) {
        try {
            return (Thread) START.invokeExact(body);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    @Override
    void join(Object worker) {
        PlatformWorkers.joinThread((Thread) worker);
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
