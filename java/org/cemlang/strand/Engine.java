// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * How a strand's Java body gets a stack, and how the carrier is passed on. Both engines drive the one
 * ready queue in C: the core decides who is next, an engine obeys.
 *
 * <p>{@link MountedEngine}: virtual threads whose scheduler is ours. {@link BatonEngine}: a thread a
 * strand, of which one at a time runs. Chosen once, when the class is first used.
 */
abstract class Engine {
    private static final String PROPERTY = "org.cemlang.strand.engine";

    private static final @Nullable MethodHandle IS_VIRTUAL = findIsVirtual();

    /** The one of this process. */
    static final Engine CHOSEN = choose();

    private final String description;

    Engine(String description) {
        this.description = description;
    }

    /** Name and why, for people: "mounted: virtual threads on this JDK ...". */
    final String description() {
        return description;
    }

    /** @throws UnsupportedOperationException where this is none */
    void checkUsable() {}

    /** A strand that the core has already; started, it is ready. Any thread. */
    abstract Strand start(Scheduler scheduler, long control, @Nullable String name, Runnable body);

    /**
     * Of threads that become strands of the scheduler when they are started.
     *
     * @throws UnsupportedOperationException where there are none
     */
    abstract ThreadFactory threadFactory(Scheduler scheduler);

    /** Of a scheduler; null: there is none. */
    @Nullable CoreMemory window(long handle) {
        return null;
    }

    /** For the threads of a scheduler's strands; null: they need none. */
    @Nullable Object container(Scheduler scheduler) {
        return null;
    }

    /** A control block without a call into the library, for a strand without name; 0: not here. */
    long spareControl(Scheduler scheduler) {
        return 0;
    }

    /** Runs strands on the calling thread until the core says that it is over: its last code. */
    abstract long drive(Scheduler scheduler);

    /** The calling thread's strand. */
    abstract @Nullable Strand current();

    /** To the tail of the ready queue; nothing outside a strand. */
    abstract void yield();

    static boolean isVirtual(Thread thread) {
        if (IS_VIRTUAL == null) {
            return false;
        }
        try {
            return (boolean) IS_VIRTUAL.invokeExact(thread);
        } catch (Throwable unexpected) {
            throw new AssertionError(unexpected);
        }
    }

    private static @Nullable MethodHandle findIsVirtual() {
        try {
            return MethodHandles.publicLookup()
                    .findVirtual(Thread.class, "isVirtual", MethodType.methodType(boolean.class));
        } catch (NoSuchMethodException | IllegalAccessException before21) {
            return null;
        }
    }

    private static Engine choose() {
        Native.now();     // a library that cannot be loaded is no reason for another engine
        String wish = System.getProperty(PROPERTY, "auto");
        switch (wish) {
            case "baton":
                return new BatonEngine("by option (-D" + PROPERTY + "=baton)");
            case "mounted":
            case "auto":
                break;
            default:
                return new UnusableEngine(
                        PROPERTY + " is mounted, baton or auto, not '" + wish + "'");
        }
        String missing = VirtualThreads.whatIsMissing();
        if (missing == null) {
            return new MountedEngine();
        }
        if (wish.equals("mounted")) {
            return new UnusableEngine("the mounted engine cannot run here: " + missing);
        }
        return new BatonEngine(missing);
    }
}
