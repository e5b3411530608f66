// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A strand on a thread of its own, which runs only while it holds the baton. */
final class BatonStrand extends Strand {
    private static final @Nullable MethodHandle NEW_VIRTUAL = findNewVirtual();

    final Thread thread;
    private final long control;
    private final ParkingSlot slot;
    private boolean begun;
    private final CountDownLatch ended = new CountDownLatch(1);

    BatonStrand(Scheduler scheduler, long control, @Nullable String name, Runnable body) {
        super(scheduler, Native.id(control), body);
        this.control = control;
        thread = newThread(this::live, nameOf(name));
        slot = new ParkingSlot(thread);
    }

    /** Platform threads before JDK 21, virtual ones of the JDK's own scheduler since. */
    private static Thread newThread(Runnable body, String name) {
        if (NEW_VIRTUAL == null) {
            Thread thread = new Thread(null, body, name, BatonEngine.STACK_BYTES);
            thread.setDaemon(true);
            return thread;
        }
        try {
            Thread thread = (Thread) NEW_VIRTUAL.invoke(body);
            thread.setName(name);
            return thread;
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    /** {@code Thread.ofVirtual().unstarted(body)}. */
    private static @Nullable MethodHandle findNewVirtual() {
        try {
            MethodHandles.Lookup lookup = MethodHandles.publicLookup();
            Class<?> builder = Class.forName("java.lang.Thread$Builder");
            Class<?> ofVirtual = Class.forName("java.lang.Thread$Builder$OfVirtual");
            MethodHandle start = lookup.findStatic(
                    Thread.class, "ofVirtual", MethodType.methodType(ofVirtual));
            MethodHandle unstarted = lookup.findVirtual(
                    builder, "unstarted", MethodType.methodType(Thread.class, Runnable.class));
            return MethodHandles.foldArguments(
                    unstarted.asType(MethodType.methodType(Thread.class, ofVirtual, Runnable.class)),
                    start);
        } catch (ReflectiveOperationException before21) {
            return null;
        }
    }

    private void live() {
        BatonEngine.enter(this);
        runBody();
        ended.countDown();
        tellLateEnd();
        StrandTable.put(slot(), null);
        BatonEngine.pass(this, Native.FINISHED);
    }

    /** The baton is this strand's. False: no thread could be started, and it has ended. */
    boolean grant() {
        if (begun) {
            slot.grant();
            return true;
        }
        begun = true;
        try {
            thread.start();
            return true;
        } catch (OutOfMemoryError noThread) {
            fail(noThread);
            ended.countDown();
            report(noThread);
            return false;
        }
    }

    void yieldTurn() {
        if (!BatonEngine.pass(this, Native.YIELDED)) {
            slot.take(0);
        }
    }

    @Override
    boolean await() {
        if (Thread.interrupted()) {
            return false;
        }
        if (!BatonEngine.pass(this, Native.PARKED)) {
            slot.take(id);
        }
        return true;
    }

    @Override
    long control() {
        return control;
    }

    @Override
    String givenName() {
        return thread.getName();
    }

    @Override
    Thread thread() {
        return thread;
    }

    @Override
    boolean hasEnded() {
        return ended.getCount() == 0;
    }

    @Override
    boolean joinFromOutside(long deadlineNs) throws InterruptedException {
        if (deadlineNs == Native.FOREVER) {
            ended.await();
            return true;
        }
        return ended.await(deadlineNs - Native.now(), TimeUnit.NANOSECONDS);
    }
}
