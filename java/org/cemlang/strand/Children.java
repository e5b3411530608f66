// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * The virtual threads that became strands of a scheduler when they were started: those that were
 * made inside its strands, which inherit a strand as their scheduler, and those of its thread factory,
 * whose scheduler is this object. Mounted engine.
 */
final class Children implements Executor, ThreadFactory {
    private final Scheduler scheduler;
    private final Map<Thread, MountedStrand> strands = new ConcurrentHashMap<>();

    Children(Scheduler scheduler) {
        this.scheduler = scheduler;
    }

    @Nullable MountedStrand find(Thread thread) {
        return strands.get(thread);
    }

    int size() {
        return strands.size();
    }

    void forget(Thread thread) {
        strands.remove(thread);
    }

    @Override
    public Thread newThread(Runnable body) {
        return VirtualThreads.create(this, null, new Body(this, Objects.requireNonNull(body)));
    }

    /** Of a thread of the factory: told its end, and its failure kept, as those that are spawned. */
    private record Body(Children children, Runnable code) implements Runnable {
        @Override
        public void run() {
            MountedStrand self = children.find(Thread.currentThread());
            if (self == null) {
                throw new IllegalStateException("a thread of the factory is none of its strands");
            }
            self.runBody(code);
        }
    }

    /** As {@link MountedStrand#execute}; the first time is the thread's start. */
    @Override
    public void execute(Runnable continuation) {
        Thread child = VirtualThreads.ownerOf(continuation);
        MountedStrand strand = strands.get(child);
        if (strand == null) {
            if (!child.isAlive()) {
                return;     // a thread dump's late echo of one that has ended
            }
            strand = adopt(child);
        }
        strand.ready();
    }

    /** Only ever in the child's start, so that the one who starts it learns of a refusal. */
    private MountedStrand adopt(Thread child) {
        long made = scheduler.createControl(Strand.nameBytes(child.getName()));
        try {
            MountedStrand strand = new MountedStrand(scheduler, made, child);
            StrandTable.put(strand.slot(), strand);
            strands.put(child, strand);
            return strand;
        } catch (Throwable notStarted) {
            scheduler.abandon(made);
            throw notStarted;
        }
    }
}
