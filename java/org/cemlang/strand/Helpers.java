// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/** Threads for calls that would hold up the carrier: as many as there are such calls. */
final class Helpers {
    private static final ExecutorService THREADS = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "strand-helper");
        thread.setDaemon(true);
        return thread;
    });

    private Helpers() {}

    static <T extends @Nullable Object> T call(Strand self, Callable<T> call) throws Exception {
        return call(self, call, true);
    }

    /** {@code endsWithWait}: the call is given up when the strand no longer waits for it. */
    static <T extends @Nullable Object> T call(
            Strand self, Callable<T> call, boolean endsWithWait) throws Exception {
        Request<T> request = new Request<>(self.id, call);
        THREADS.execute(request);
        try {
            while (!request.isDone()) {
                awaitOnce(self);
            }
        } catch (Throwable ended) {
            if (endsWithWait) {
                request.cancel(true);
            }
            throw ended;
        }
        return result(request);
    }

    private static void awaitOnce(Strand self) throws InterruptedException {
        int status = Native.blockingStep(self.control);
        if (status == Errno.AGAIN && !self.await()) {
            Native.waitDone(self.control);
            throw new InterruptedException("interrupted in a blocking call");
        }
        if (status == Errno.CANCELED) {
            throw Failure.canceled("blocking call");
        }
    }

    private static <T extends @Nullable Object> T result(Request<T> request) throws Exception {
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

    /** Wakes its strand when done; the strand looks itself whether it is, so once is enough. */
    private static final class Request<T extends @Nullable Object> extends FutureTask<T> {
        private final long id;

        Request(long id, Callable<T> call) {
            super(call);
            this.id = id;
        }

        @Override
        protected void done() {
            Native.wake(Strand.callerControl(), id);
        }
    }
}
