// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * Strands as virtual threads on a scheduler of ours (JDK 21 and later). The carrier asks the core for
 * the next strand and runs its continuation; one call into the core a switch, or none where {@link
 * CoreMemory} can do it.
 */
final class MountedEngine extends Engine {
    MountedEngine() {
        super("mounted: virtual threads of JDK " + Runtime.version().feature()
                + " with the core as their scheduler");
        loadWhatTheCarrierNeeds();
    }

    /** So that the carrier never waits for a class that a strand is initialising. */
    private static void loadWhatTheCarrierNeeds() {
        for (Class<?> needed : new Class<?>[] {
            Native.class, Errno.class, StrandTable.class, MountedStrand.class, Children.class,
            NativeEnd.class, Helpers.class, Failure.class,
            Failure.Canceled.class, Failure.CanceledIo.class, Failure.Closed.class,
            DeadlockException.class, Deadlines.class, Pinning.class, StreamMemory.class,
            Memory.class, Ascii.class, Recorder.class, CoreMemory.class,
            java.util.concurrent.locks.LockSupport.class,
            java.util.concurrent.RejectedExecutionException.class
        }) {
            try {
                Class.forName(needed.getName(), true, needed.getClassLoader());
            } catch (ClassNotFoundException impossible) {
                throw new NoClassDefFoundError(needed.getName());
            }
        }
    }

    @Override
    Strand start(Scheduler scheduler, long control, @Nullable String name, Runnable body) {
        MountedStrand strand = new MountedStrand(scheduler, control, name, body);
        StrandTable.put(strand.slot(), strand);
        strand.start();
        return strand;
    }

    @Override
    ThreadFactory threadFactory(Scheduler scheduler) {
        return scheduler.children;
    }

    @Override
    @Nullable CoreMemory window(long handle) {
        return CoreMemory.isReachable() ? new CoreMemory(handle) : null;
    }

    @Override
    @Nullable Object container(Scheduler scheduler) {
        return VirtualThreads.container("strands", new StrandThreads(scheduler));
    }

    @Override
    long spareControl(Scheduler scheduler) {
        CoreMemory window = scheduler.window;
        return window != null && !scheduler.hasLimit
                && VirtualThreads.carrier() == scheduler.carrier ? window.take() : 0;
    }

    @Override
    long drive(Scheduler scheduler) {
        long handle = scheduler.handle();
        CoreMemory window = scheduler.window;
        long next = Native.next(handle, 0, Native.PARKED);
        while (next >= 0) {
            MountedStrand strand = (MountedStrand) StrandTable.get((int) (next >>> 1));
            scheduler.setRunning(strand);
            boolean recorded = Recorder.isOn();
            if (recorded) {
                scheduler.recorder.began(strand);
            }
            int became = strand.turn((next & 1) != 0);
            if (recorded) {
                scheduler.recorder.ended(strand, became);
            }
            next = window == null || recorded
                    ? CoreMemory.NOT_HERE : window.next(strand.control(), became);
            if (next == CoreMemory.NOT_HERE) {
                scheduler.setRunning(null);
                next = Native.next(handle, strand.control(), became);
            }
        }
        return next;
    }

    @Override
    @Nullable Strand current() {
        Thread thread = Thread.currentThread();
        if (thread.getClass() != VirtualThreads.TYPE) {
            return null;
        }
        Executor scheduler = VirtualThreads.schedulerOf(thread);
        if (scheduler instanceof MountedStrand strand) {
            return strand.thread == thread ? strand : strand.scheduler.children.find(thread);
        }
        return scheduler instanceof Children children ? children.find(thread) : null;
    }

    @Override
    void yield() {
        Thread thread = Thread.currentThread();
        if (thread.getClass() == VirtualThreads.TYPE) {
            Executor scheduler = VirtualThreads.schedulerOf(thread);
            if (scheduler instanceof MountedStrand || scheduler instanceof Children) {
                Thread.yield();
            }
        }
    }
}
