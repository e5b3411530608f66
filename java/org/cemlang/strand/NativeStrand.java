// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A strand whose body is a C function, on a stack of the core's. It never runs Java by itself. */
final class NativeStrand extends Strand {
    private final String name;
    private final NativeEnd end;

    NativeStrand(Scheduler scheduler, long id, @Nullable String name, NativeEnd end) {
        super(scheduler, id, null);
        this.name = name == null ? "" : name;
        this.end = end;
        end.strand = this;
    }

    @Override
    long control() {
        return 0;
    }

    @Override
    String givenName() {
        return name;
    }

    @Override
    boolean hasEnded() {
        return end.ended.getCount() == 0;
    }

    @Override
    Thread thread() {
        throw new IllegalStateException(this + " runs no Java");
    }

    @Override
    boolean await() {
        throw new IllegalStateException(this + " runs no Java");
    }

    @Override
    boolean joinFromOutside(long deadlineNs) throws InterruptedException {
        if (deadlineNs == Native.FOREVER) {
            end.ended.await();
            return true;
        }
        return end.ended.await(deadlineNs - Native.now(), TimeUnit.NANOSECONDS);
    }
}
