// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.AbstractSet;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Spliterator;
import java.util.Spliterators;

/**
 * The threads of a scheduler's strands, for the JDK's thread dumps. They are read off the table of
 * strands, so that a strand need not be put in and taken out, which costs a fifth of its life.
 */
final class StrandThreads extends AbstractSet<Thread> {
    private final Scheduler scheduler;

    StrandThreads(Scheduler scheduler) {
        this.scheduler = scheduler;
    }

    private List<Thread> now() {
        List<Thread> threads = new ArrayList<>();
        StrandTable.forEach(scheduler, strand -> threads.add(((MountedStrand) strand).thread));
        return threads;
    }

    @Override
    public Iterator<Thread> iterator() {
        return now().iterator();
    }

    @Override
    public Spliterator<Thread> spliterator() {
        return Spliterators.spliterator(now(), Spliterator.DISTINCT | Spliterator.NONNULL);
    }

    @Override
    public int size() {
        return now().size();
    }

    @Override
    public boolean add(Thread thread) {
        return false;
    }

    @Override
    public boolean remove(Object thread) {
        return false;
    }
}
