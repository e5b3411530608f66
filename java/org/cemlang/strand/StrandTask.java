// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** A task for which strands wait by parking, on either engine; others block. */
class StrandTask<T extends @Nullable Object> extends FutureTask<T> {
    private final Waiters waiters;

    StrandTask(Callable<T> call, int reason) {
        super(call);
        waiters = new Waiters(reason);
    }

    @Override
    protected void done() {
        waiters.wake();
    }

    /** At once where the caller is no strand. */
    final void await(String what) throws InterruptedException {
        waiters.await(this::isDone, what);
    }

    @Override
    public T get() throws InterruptedException, ExecutionException {
        await("a task");
        return super.get();
    }

    @Override
    public T get(long timeout, TimeUnit unit)
            throws InterruptedException, ExecutionException, TimeoutException {
        if (!waiters.awaitFor(this::isDone, unit.toNanos(timeout), "a task")) {
            throw new TimeoutException();
        }
        return super.get(timeout, unit);
    }
}
