// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.invoke.VarHandle;
import java.lang.reflect.Field;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The parts of {@code java.lang.VirtualThread} that the mounted engine stands on, found through the
 * lookup that the JDK trusts and proved once by a small run. Where one is missing or behaves
 * otherwise, {@link #whatIsMissing} says so and the engine is baton.
 *
 * <p>The handles are static finals so that the JIT sees through them: a call costs what a direct one
 * would.
 */
final class VirtualThreads {
    private static final Found FOUND = Found.find();

    private static final MethodHandle NEW = FOUND.constructor;
    private static final MethodHandle SCHEDULER = FOUND.scheduler;
    private static final MethodHandle CONTINUATION = FOUND.continuation;
    private static final MethodHandle RUN = FOUND.run;
    private static final MethodHandle OWNER = FOUND.owner;
    private static final MethodHandle TAKE_PERMIT = FOUND.takePermit;
    private static final MethodHandle SET_STATE = FOUND.setState;
    private static final MethodHandle LEAVE = FOUND.leave;
    private static final MethodHandle CARRIER = FOUND.carrier;
    private static final @Nullable MethodHandle NEW_CONTAINER = FOUND.newContainer;
    private static final MethodHandle SET_MEMBERS = FOUND.setMembers;
    private static final MethodHandle SET_CONTAINER = FOUND.setContainer;
    private static final MethodHandle SET_FIRST_STATE = FOUND.setFirstState;
    private static final int STARTED = FOUND.started;
    private static final int RUNNING = FOUND.running;
    private static final int PARKING = FOUND.parking;

    /** {@code java.lang.VirtualThread}; an unrelated class where there is none. */
    static final Class<?> TYPE = FOUND.type;

    private VirtualThreads() {}

    static @Nullable String whatIsMissing() {
        return FOUND.missing;
    }

    /** Not started. */
    static Thread create(Executor scheduler, @Nullable String name, Runnable body) {
        try {
            return (Thread) NEW.invokeExact(scheduler, name, 0, body);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /** The platform thread that the caller runs on. */
    static Thread carrier() {
        try {
            return (Thread) CARRIER.invokeExact();
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /**
     * A place for threads in the JDK's thread dumps, which then asks {@code members} who is in there;
     * it is listed while it is reachable. Null: this JDK has none that asks.
     */
    static @Nullable Object container(String name, Set<Thread> members) {
        if (NEW_CONTAINER == null) {
            return null;
        }
        try {
            Object container = (Object) NEW_CONTAINER.invokeExact(name);
            SET_MEMBERS.invokeExact(container, members);
            return container;
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /**
     * What starting an unstarted thread in a {@link #container} does, but for handing it to its
     * scheduler, and for adding it to the members.
     */
    static void begin(Thread thread, Object container) {
        try {
            SET_FIRST_STATE.invokeExact(thread, STARTED);     // nobody else has it yet
            SET_CONTAINER.invokeExact(thread, container);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /** {@code thread} is of {@link #TYPE}. */
    static Executor schedulerOf(Thread thread) {
        try {
            return (Executor) SCHEDULER.invokeExact(thread);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /** What the thread hands its scheduler to run, always the same object. */
    static Runnable continuationOf(Thread thread) {
        try {
            return (Runnable) CONTINUATION.invokeExact(thread);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /** What its {@link #continuationOf} runs, without the look at that object. */
    static void runTurn(Thread thread) {
        try {
            RUN.invokeExact(thread);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /** The thread whose {@link #continuationOf} this is. */
    static Thread ownerOf(Runnable continuation) {
        try {
            return (Thread) OWNER.invokeExact(continuation);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /**
     * What {@code LockSupport.park()} does for the current thread, step for step, except that a thread
     * which cannot leave its carrier (a native frame or a class initialiser on its stack; a monitor
     * on JDK 21 to 23) does not block it: false, and nothing has happened.
     *
     * <p>Why not ask {@code Continuation.isPinned} and then park: its native takes the class for the
     * scope (JDK 25), so that it always answers "native frame"; and it walks the stack, 200 ns and
     * more for each park.
     */
    static boolean park(Thread self) {
        try {
            if ((boolean) TAKE_PERMIT.invokeExact(self, false) || self.isInterrupted()) {
                return true;
            }
            boolean left = false;
            SET_STATE.invokeExact(self, PARKING);
            try {
                left = (boolean) LEAVE.invokeExact(self);
            } catch (OutOfMemoryError noRoomForTheStack) {
                // Waits in place, as a pinned thread does.
            } finally {
                if (!left) {
                    SET_STATE.invokeExact(self, RUNNING);
                }
            }
            return left;
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static RuntimeException unexpected(Throwable thrown) {
        if (thrown instanceof Error error) {
            throw error;
        }
        if (thrown instanceof RuntimeException exception) {
            throw exception;
        }
        return new IllegalStateException(thrown);
    }

    /** What the static initialiser found. */
    private static final class Found {
        @Nullable String missing;
        Class<?> type = Void.class;
        MethodHandle constructor, scheduler, continuation, run, owner, takePermit, setState, leave;
        MethodHandle carrier;
        @Nullable MethodHandle newContainer;
        MethodHandle setMembers, setContainer, setFirstState;
        int started;
        int running;
        int parking;

        @SuppressWarnings("NullAway")
        private Found() {}

        static Found find() {
            Found found = new Found();
            // On a platform thread of its own: what the JDK starts with its first virtual thread must
            // not come to live on a strand's scheduler.
            Thread finder = new Thread(found::tryToFind, "strand-start");
            finder.setDaemon(true);
            finder.start();
            boolean interrupted = false;
            while (finder.isAlive()) {
                try {
                    finder.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            return found;
        }

        private void tryToFind() {
            int feature = Runtime.version().feature();
            if (feature < 21) {
                missing = "JDK " + feature + " has no virtual threads (21 and later do)";
                return;
            }
            try {
                resolve();
                prove();
                startPollers();
            } catch (Throwable thrown) {
                missing = "JDK " + feature + ": " + reason(thrown);
            }
        }

        private static String reason(Throwable thrown) {
            Throwable cause = thrown;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            return cause.getMessage() == null ? cause.toString() : cause.getMessage();
        }

        private void resolve() throws ReflectiveOperationException {
            MethodHandles.Lookup lookup = Native.trustedLookup();
            if (lookup == null) {
                throw new NoSuchFieldException("no MethodHandles.Lookup.IMPL_LOOKUP");
            }
            type = Class.forName("java.lang.VirtualThread");
            constructor = lookup.findConstructor(type, MethodType.methodType(void.class,
                            Executor.class, String.class, int.class, Runnable.class))
                    .asType(MethodType.methodType(Thread.class,
                            Executor.class, String.class, int.class, Runnable.class));
            scheduler = lookup.findGetter(type, "scheduler", Executor.class)
                    .asType(MethodType.methodType(Executor.class, Thread.class));
            continuation = lookup.findGetter(type, "runContinuation", Runnable.class)
                    .asType(MethodType.methodType(Runnable.class, Thread.class));
            run = ofThread(lookup, "runContinuation", void.class);
            takePermit = ofThread(lookup, "getAndSetParkPermit", boolean.class, boolean.class);
            setState = ofThread(lookup, "setState", void.class, int.class);
            leave = ofThread(lookup, "yieldContinuation", boolean.class);
            carrier = lookup.findStatic(
                    Thread.class, "currentCarrierThread", MethodType.methodType(Thread.class));
            started = constant(lookup, "STARTED");
            running = constant(lookup, "RUNNING");
            parking = constant(lookup, "PARKING");
            resolveContainer(lookup);
        }

        /** Not on JDKs whose containers count their threads too. */
        private void resolveContainer(MethodHandles.Lookup lookup) {
            try {
                Class<?> general = Class.forName("jdk.internal.vm.ThreadContainer");
                Class<?> shared = Class.forName("jdk.internal.vm.SharedThreadContainer");
                for (Field field : shared.getDeclaredFields()) {
                    if (field.getName().equals("threadCount")) {
                        return;
                    }
                }
                setMembers = lookup.findSetter(shared, "virtualThreads", Set.class)
                        .asType(MethodType.methodType(void.class, Object.class, Set.class));
                setContainer = lookup.findVirtual(Thread.class, "setThreadContainer",
                                MethodType.methodType(void.class, general))
                        .asType(MethodType.methodType(void.class, Thread.class, Object.class));
                setFirstState = lookup.findVarHandle(type, "state", int.class)
                        .toMethodHandle(VarHandle.AccessMode.SET)
                        .asType(MethodType.methodType(void.class, Thread.class, int.class));
                newContainer = lookup.findStatic(
                                shared, "create", MethodType.methodType(shared, String.class))
                        .asType(MethodType.methodType(Object.class, String.class));
            } catch (ReflectiveOperationException withoutThem) {
                newContainer = null;
            }
        }

        private MethodHandle ofThread(
                MethodHandles.Lookup lookup, String name, Class<?> result, Class<?>... parameters)
                throws ReflectiveOperationException {
            MethodType method = MethodType.methodType(result, parameters);
            return lookup.findVirtual(type, name, method)
                    .asType(method.insertParameterTypes(0, Thread.class));
        }

        private int constant(MethodHandles.Lookup lookup, String name)
                throws ReflectiveOperationException {
            try {
                return (int) lookup.findStaticGetter(type, name, int.class).invoke();
            } catch (ReflectiveOperationException missing) {
                throw missing;
            } catch (Throwable thrown) {
                throw new ReflectiveOperationException(thrown);
            }
        }

        /** The single field that the lambda around {@code runContinuation} has captured. */
        private MethodHandle findOwner(Runnable continuation) throws ReflectiveOperationException {
            Field[] fields = continuation.getClass().getDeclaredFields();
            if (fields.length != 1 || fields[0].getType() != type) {
                throw new NoSuchFieldException("a continuation does not name its virtual thread");
            }
            MethodHandles.Lookup lookup = Native.trustedLookup();
            if (lookup == null) {
                throw new NoSuchFieldException("no MethodHandles.Lookup.IMPL_LOOKUP");
            }
            return lookup.unreflectGetter(fields[0])
                    .asType(MethodType.methodType(Thread.class, Runnable.class));
        }

        /** A virtual thread on a scheduler of ours starts, yields, parks, is unparked and ends. */
        private void prove() throws Throwable {
            Probe probe = new Probe();
            Thread thread = (Thread) constructor.invoke((Executor) probe, (String) null, 0,
                    (Runnable) () -> {
                        Thread.yield();
                        parkOnce();
                    });
            thread.start();
            Runnable continuation = probe.last;
            expect(continuation != null && probe.count == 1, "start does not reach its scheduler");
            owner = findOwner(continuation);
            expect(continuation == this.continuation.invoke(thread), "another continuation");
            expect(thread == owner.invoke(continuation), "a continuation names another thread");
            expect(probe == scheduler.invoke(thread), "another scheduler");
            continuation.run();
            expect(probe.count == 2, "yield does not reach its scheduler");
            run.invoke(thread);
            expect(probe.count == 2 && thread.getState() == Thread.State.WAITING, "park fails");
            LockSupport.unpark(thread);
            expect(probe.count == 3, "unpark does not reach its scheduler");
            continuation.run();
            expect(!thread.isAlive(), "the end is not seen");
        }

        /** As {@link VirtualThreads#park}, whose handles are not final yet. */
        private void parkOnce() {
            try {
                Thread self = Thread.currentThread();
                boolean permit = (boolean) takePermit.invokeExact(self, false);
                setState.invokeExact(self, parking);
                boolean left = !permit && (boolean) leave.invokeExact(self);
                if (!left) {
                    setState.invokeExact(self, running);
                }
            } catch (Throwable thrown) {
                throw unexpected(thrown);
            }
        }

        private static void expect(boolean as, String else_) {
            if (!as) {
                throw new IllegalStateException(else_);
            }
        }

        /**
         * The first socket that blocks a virtual thread starts the JDK's pollers, which on JDK 25 are
         * virtual threads that inherit their starter's scheduler. They must not live on a strand's.
         */
        private static void startPollers() throws ClassNotFoundException {
            Class.forName("sun.nio.ch.Poller", true, null);
        }

        private static final class Probe implements Executor {
            @Nullable Runnable last;
            int count;

            @Override
            public void execute(Runnable continuation) {
                last = continuation;
                count++;
            }
        }
    }
}
