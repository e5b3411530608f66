// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.time.Duration;

/** A stream of the core's, until it is closed; for the strands of its scheduler. */
final class StreamHandle {
    private static final Strand.GivingUp GIVING_UP = Native::giveUp;

    final Scheduler scheduler;
    private final String where;
    /** 0 once closed, which another thread's close looks at. */
    private volatile long handle;
    /** 0: for ever. */
    private long timeoutNs;

    /** {@code handle}: of the core, or a status. */
    private StreamHandle(Scheduler scheduler, long handle, String where) {
        this.scheduler = scheduler;
        this.handle = handle;
        this.where = where;
    }

    static StreamHandle of(Scheduler scheduler, long handle, String where) {
        return new StreamHandle(scheduler, handle, where);
    }

    /** On a descriptor, or, {@code copied}, on one of its own for the same thing. */
    static StreamHandle open(Scheduler scheduler, int descriptor, boolean copied, String where)
            throws IOException {
        long stream = scheduler.make(core -> copied
                ? Native.openCopy(core, descriptor) : Native.openStream(core, descriptor, 0, false));
        if (stream < 0) {
            throw stream == Errno.BAD_DESCRIPTOR
                    ? new IOException(where + ": there is none") : Failure.io(stream, where);
        }
        return new StreamHandle(scheduler, stream, where);
    }

    /** For what was over before it could be opened. */
    static StreamHandle closed(Scheduler scheduler, String where) {
        return new StreamHandle(scheduler, 0, where);
    }

    @Override
    public String toString() {
        return where;
    }

    boolean isClosed() {
        return handle == 0;
    }

    /** The calling strand, which must be one of its scheduler's. */
    Strand strand() {
        Strand self = Engine.CHOSEN.current();
        if (self == null || self.scheduler != scheduler) {
            throw new IllegalStateException(
                    "only a strand of its scheduler may use LineStream[" + where + "]");
        }
        return self;
    }

    long handle() throws IOException {
        long open = handle;
        if (open == 0) {
            throw Failure.closed(where);
        }
        return open;
    }

    void timeout(Duration patience) {
        timeoutNs = Math.max(0, Deadlines.nanos(patience));
    }

    /** Of a call that begins now; see {@link Native#readLineStep}. */
    long deadline() {
        return timeoutNs > 0 ? -timeoutNs : Native.FOREVER;
    }

    void check(long status) throws IOException {
        if (status < 0) {
            throw Failure.io(status, where);
        }
    }

    /** A step, with what it works on; see {@link Native}. */
    interface Step {
        long ask(long self, long stream, long deadlineNs);
    }

    /**
     * Goes on with a step that has just said that it must wait: parks and asks it again, until it is
     * done. Its first call is the caller's own, so that a step which need not wait makes no object.
     */
    long await(Strand self, long stream, Step step) throws IOException {
        long got;
        do {
            long deadlineNs = StreamMemory.deadline(stream);
            self.await(stream, GIVING_UP, where);
            got = step.ask(self.control(), stream, deadlineNs);
        } while (got == Errno.AGAIN);
        return got;
    }

    /** An interrupt does not keep it from closing. */
    void closeIn(Strand self) throws IOException {
        long stream = handle;
        if (stream == 0) {
            return;
        }
        forget();
        boolean interrupted = false;
        long deadlineNs = deadline();
        int status;
        while ((status = Native.closeStep(self.control(), stream, deadlineNs)) == Errno.AGAIN) {
            deadlineNs = StreamMemory.deadline(stream);
            interrupted |= !self.await();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        check(status);
    }

    void closeWhileIdle() throws IOException {
        long stream = handle;
        if (stream != 0) {
            forget();
            check(Native.closeIdle(stream));
        }
    }

    private void forget() {
        handle = 0;
    }
}
