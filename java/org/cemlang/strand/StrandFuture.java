// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** A strand's end, for one who asked; see {@link Strand#toCompletableFuture}. */
final class StrandFuture extends CompletableFuture<@Nullable Void> {
    private final Strand strand;
    private final Waiters waiters = new Waiters(Native.WAITS_FUTURE);

    StrandFuture(Strand strand, CompletableFuture<@Nullable Void> end) {
        this.strand = strand;
        whenComplete((nothing, failure) -> waiters.wake());
        end.whenComplete((nothing, failure) -> {
            if (failure == null) {
                complete(null);
            } else {
                completeExceptionally(failure);
            }
        });
    }

    /** As it was completed with, not wrapped; null also while it is not. */
    static @Nullable Throwable failureOf(CompletableFuture<?> future) {
        if (!future.isDone()) {
            return null;     // handle would leave something on it each time that it is asked
        }
        return future.<@Nullable Throwable>handle((nothing, failure) -> failure).getNow(null);
    }

    @Override
    public boolean cancel(boolean mayInterrupt) {
        boolean isCancelled = super.cancel(mayInterrupt);
        if (isCancelled) {
            strand.cancel();
        }
        return isCancelled;
    }

    @Override
    public @Nullable Void get() throws InterruptedException, ExecutionException {
        waiters.await(this::isDone, "the future of " + strand);
        return super.get();
    }

    @Override
    public @Nullable Void get(long timeout, TimeUnit unit)
            throws InterruptedException, ExecutionException, TimeoutException {
        if (!waiters.awaitFor(this::isDone, unit.toNanos(timeout), "the future of " + strand)) {
            throw new TimeoutException();
        }
        return super.get(timeout, unit);
    }

    /** An interrupt does not end it, as ever, and is still there afterwards. */
    @Override
    public @Nullable Void join() {
        waiters.awaitUninterruptibly(this::isDone, "the future of " + strand);
        return super.join();
    }
}
