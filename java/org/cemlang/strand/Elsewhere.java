// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Closing what belongs to a scheduler, for a caller that is none of its strands: at once while the
 * scheduler does not run, else by a strand of its own there.
 */
final class Elsewhere {
    /** Between two looks at whether the run that was to do it has ended instead. */
    private static final Duration LOOK = Duration.ofMillis(10);

    private Elsewhere() {}

    interface Closing {
        void run() throws IOException;
    }

    /** Either closing does nothing when the other has come first. */
    static void close(Scheduler scheduler, Closing whileIdle, Closing inStrand) throws IOException {
        Strand self = Engine.CHOSEN.current();
        if (self == null) {
            closeOutside(scheduler, whileIdle, inStrand);
            return;
        }
        try {     // of another scheduler, whose carrier must not wait here
            Helpers.call(() -> {
                closeOutside(scheduler, whileIdle, inStrand);
                return null;
            }, false);
        } catch (InterruptedException goesOnByItself) {
            Thread.currentThread().interrupt();
        } catch (IOException | RuntimeException thrown) {
            throw thrown;
        } catch (Exception impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static void closeOutside(Scheduler scheduler, Closing whileIdle, Closing inStrand)
            throws IOException {
        AtomicReference<@Nullable IOException> failure = new AtomicReference<>();
        Strand closer = null;
        boolean interrupted = false;
        try {
            while (scheduler.isOpen()) {
                if (scheduler.whileIdle(whileIdle)) {
                    return;
                }
                if (ExitHook.isOver()) {
                    break;     // who holds the carrier may hold it for ever, and wait for us
                }
                try {
                    closer = closer == null ? spawn(scheduler, inStrand, failure) : closer;
                    if (closer == null) {
                        Thread.sleep(LOOK.toMillis());
                    } else if (closer.join(LOOK)) {
                        break;
                    }
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        IOException thrown = failure.get();
        if (thrown != null) {
            throw thrown;
        }
    }

    /** Null: not now, for the scheduler stops or has no room; either passes. */
    private static @Nullable Strand spawn(
            Scheduler scheduler, Closing inStrand, AtomicReference<@Nullable IOException> failure) {
        try {
            return scheduler.spawn("closer", () -> {
                try {
                    inStrand.run();
                } catch (IOException thrown) {
                    failure.set(thrown);
                }
            });
        } catch (RejectedExecutionException notNow) {
            return null;
        }
    }
}
