// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/** What was asked for cannot be had here: nothing runs, and whoever tries is told why. */
final class UnusableEngine extends Engine {
    private final String why;

    UnusableEngine(String why) {
        super("none: " + why);
        this.why = why;
    }

    @Override
    void checkUsable() {
        throw new UnsupportedOperationException(why);
    }

    @Override
    Strand start(Scheduler scheduler, long control, @Nullable String name, Runnable body) {
        throw new UnsupportedOperationException(why);
    }

    @Override
    ThreadFactory threadFactory(Scheduler scheduler) {
        throw new UnsupportedOperationException(why);
    }

    @Override
    long drive(Scheduler scheduler) {
        throw new UnsupportedOperationException(why);
    }

    @Override
    @Nullable Strand current() {
        return null;
    }

    @Override
    void yield() {}
}
