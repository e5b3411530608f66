// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/** Threads for calls that would hold up the carrier: as many as there are such calls. */
final class Helpers {
    static final ExecutorService THREADS = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "strand-helper");
        thread.setDaemon(true);
        return thread;
    });

    private Helpers() {}

    static <T extends @Nullable Object> T call(Callable<T> call) throws Exception {
        return call(call, true);
    }

    /** {@code endsWithWait}: the call is given up when the strand no longer waits for it. */
    static <T extends @Nullable Object> T call(Callable<T> call, boolean endsWithWait)
            throws Exception {
        StrandTask<T> request = new StrandTask<>(call, Native.WAITS_BLOCKING);
        THREADS.execute(request);
        try {
            request.await("a blocking call");
        } catch (Throwable ended) {
            if (endsWithWait) {
                request.cancel(true);
            }
            throw ended;
        }
        return result(request);
    }

    private static <T extends @Nullable Object> T result(StrandTask<T> request) throws Exception {
        try {
            return request.get();
        } catch (ExecutionException thrown) {
            Throwable cause = thrown.getCause();
            if (cause instanceof Exception exception) {
                throw exception;
            }
            if (cause instanceof Error error) {
                throw error;
            }
            throw thrown;
        }
    }
}
