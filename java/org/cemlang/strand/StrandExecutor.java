// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A scheduler as an executor service: a strand for each task, and one, the keeper, for the executor
 * itself. It parks until the executor is shut down and its tasks are over, so that the run goes on and
 * that a join of it is the wait for the executor's end.
 */
final class StrandExecutor extends AbstractExecutorService {
    private final Scheduler scheduler;
    private final Set<Task> tasks = ConcurrentHashMap.newKeySet();
    /** How many tasks there are; the set itself knows it only roughly while some come and go. */
    private final AtomicInteger left = new AtomicInteger();
    private final Waiters keeping = new Waiters(Native.WAITS_EXECUTOR);
    private volatile boolean shutDown;
    private final Strand keeper;

    StrandExecutor(Scheduler scheduler) {
        this.scheduler = scheduler;
        keeper = scheduler.spawn("executor", this::keep);
    }

    private void keep() {
        while (!isOver()) {
            try {
                keeping.await(this::isOver, "the executor's end");
            } catch (CancellationException | InterruptedException stop) {
                shutDown = true;     // its strands hear of it too
            }
        }
    }

    private boolean isOver() {
        return shutDown && left.get() == 0;
    }

    // -- tasks ------------------------------------------------------------------------------------

    /** What a strand of it runs, unless it is taken back before that. */
    private static final class Task implements Runnable {
        private final AtomicReference<@Nullable Runnable> command;
        private volatile @Nullable Thread runner;

        Task(Runnable command) {
            this.command = new AtomicReference<>(command);
        }

        @Override
        public void run() {
            runner = Thread.currentThread();
            Runnable run = takeBack();
            if (run != null) {
                run.run();
            }
        }

        /** Null: it has begun. */
        @Nullable Runnable takeBack() {
            return command.getAndSet(null);
        }

        void interrupt() {
            Thread running = runner;
            if (running != null) {
                running.interrupt();
            }
        }
    }

    @Override
    public void execute(Runnable command) {
        Task task = new Task(Objects.requireNonNull(command, "command"));
        tasks.add(task);
        left.incrementAndGet();
        try {
            if (shutDown) {     // looked at after the adding, as the keeper looks after the setting
                throw new RejectedExecutionException("the executor is shut down");
            }
            scheduler.spawn(task).end().whenComplete((nothing, failure) -> ended(task));
        } catch (Throwable refused) {
            drop(task);
            throw refused;
        }
    }

    private void ended(Task task) {
        // Not taken: no thread could be had for its strand. Whoever waits for it is to hear of that.
        if (task.takeBack() instanceof Future<?> neverRun) {
            neverRun.cancel(false);
        }
        drop(task);
    }

    private void drop(Task task) {
        if (tasks.remove(task) && left.decrementAndGet() == 0 && shutDown) {
            keeping.wake();
        }
    }

    @Override
    protected <T> RunnableFuture<T> newTaskFor(Callable<T> call) {
        return new StrandTask<>(call, Native.WAITS_FUTURE);
    }

    @Override
    protected <T> RunnableFuture<T> newTaskFor(Runnable run, T value) {
        return newTaskFor(Executors.callable(run, value));
    }

    // -- the first of several ---------------------------------------------------------------------

    /** Done by the first attempt that succeeds, or the last that fails. */
    private static final class First<T> extends StrandTask<T> {
        private int left;

        First(int attempts) {
            super(() -> {
                throw new IllegalStateException("it is never run");
            }, Native.WAITS_FUTURE);
            left = attempts;
        }

        Callable<@Nullable Void> attempt(Callable<T> call) {
            return () -> {
                try {
                    set(call.call());
                } catch (Throwable failure) {
                    failed(failure);
                }
                return null;
            };
        }

        private synchronized void failed(Throwable failure) {
            if (--left == 0) {
                setException(failure);
            }
        }
    }

    /** Not the inherited one: that waits in a queue of the JDK, which keeps the baton. */
    @Override
    public <T> T invokeAny(Collection<? extends Callable<T>> calls)
            throws InterruptedException, ExecutionException {
        List<Future<?>> begun = new ArrayList<>(calls.size());
        try {
            return begin(calls, begun).get();
        } finally {
            begun.forEach(attempt -> attempt.cancel(true));
        }
    }

    @Override
    public <T> T invokeAny(Collection<? extends Callable<T>> calls, long timeout, TimeUnit unit)
            throws InterruptedException, ExecutionException, TimeoutException {
        List<Future<?>> begun = new ArrayList<>(calls.size());
        try {
            return begin(calls, begun).get(timeout, unit);
        } finally {
            begun.forEach(attempt -> attempt.cancel(true));
        }
    }

    private <T> First<T> begin(Collection<? extends Callable<T>> calls, List<Future<?>> begun) {
        if (calls.isEmpty()) {
            throw new IllegalArgumentException("no tasks to choose from");
        }
        First<T> first = new First<>(calls.size());
        for (Callable<T> call : calls) {
            begun.add(submit(first.attempt(Objects.requireNonNull(call, "task"))));
        }
        return first;
    }

    // -- the end ----------------------------------------------------------------------------------

    @Override
    public void shutdown() {
        shutDown = true;
        keeping.wake();
    }

    @Override
    public List<Runnable> shutdownNow() {
        shutdown();
        List<Runnable> neverBegun = new ArrayList<>();
        for (Task task : tasks) {
            Runnable command = task.takeBack();
            if (command != null) {
                neverBegun.add(command);
            } else {
                task.interrupt();
            }
        }
        return neverBegun;
    }

    @Override
    public boolean isShutdown() {
        return shutDown;
    }

    @Override
    public boolean isTerminated() {
        return keeper.isDone();
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
        return keeper.join(Duration.ofNanos(unit.toNanos(timeout)));
    }

    @Override
    public String toString() {
        return "StrandExecutor@" + Integer.toHexString(System.identityHashCode(this)) + "[of "
                + scheduler + (shutDown ? ", shut down]" : "]");
    }
}
