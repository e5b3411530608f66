// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.channels.AsynchronousCloseException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.RejectedExecutionException;

/** The one place where the core's negative statuses become exceptions. */
final class Failure {
    /** Looked through for a cancel. */
    private static final int MOST_CAUSES = 16;

    private Failure() {}

    /** Of an operation on a stream or a listener; {@code where} names it. */
    static IOException io(long status, String where) {
        if (status == Errno.CANCELED) {
            return new CanceledIo(where + ": canceled");
        }
        if (status == Errno.NO_MEMORY) {
            throw new OutOfMemoryError(where);
        }
        if (status == Errno.TIMED_OUT) {
            return new SocketTimeoutException(where + ": timed out");
        }
        if (status == Errno.TOO_BIG) {
            return new LineTooLongException(where + ": line longer than the limit");
        }
        if (status == Errno.BAD_DESCRIPTOR) {
            return closed(where);
        }
        return new IOException(where + ": " + Errno.text(status));
    }

    /** Of a connection to that address, or a listener on it. */
    static IOException at(long status, String address) {
        return status == Errno.NO_SUCH_NAME
                ? new UnknownHostException(address + ": no host has that name")
                : io(status, address);
    }

    static InterruptedIOException interruptedIo(String where) {
        return new InterruptedIOException(where + ": interrupted");
    }

    static IOException closed(String where) {
        return new Closed(where + ": closed");
    }

    static CancellationException canceled(String where) {
        return new Canceled(where + ": canceled");
    }

    /** Ours, so that a strand that ends by it is not reported as failed. */
    static final class Canceled extends CancellationException {
        private static final long serialVersionUID = 1;

        Canceled(String message) {
            super(message);
        }
    }

    /** The same of a call that throws IOExceptions. */
    static final class CanceledIo extends InterruptedIOException {
        private static final long serialVersionUID = 1;

        CanceledIo(String message) {
            super(message);
        }
    }

    /**
     * Whether it is one of these, perhaps wrapped, as a Runnable must wrap the checked one. Causes
     * may go round in a circle.
     */
    static boolean isCanceled(Throwable thrown) {
        Throwable at = thrown;
        for (int depth = 0; at != null && depth < MOST_CAUSES; depth++) {
            if (at instanceof Canceled || at instanceof CanceledIo) {
                return true;
            }
            at = at.getCause();
        }
        return false;
    }

    /** Its superclass has no room for the stream's name. */
    static final class Closed extends AsynchronousCloseException {
        private static final long serialVersionUID = 1;

        private final String message;

        Closed(String message) {
            this.message = message;
        }

        @Override
        public String getMessage() {
            return message;
        }
    }

    /** Of a spawn. */
    static RuntimeException spawn(long status) {
        if (status == Errno.NO_MEMORY) {
            throw new OutOfMemoryError("no memory for a strand");
        }
        if (status == Errno.CANCELED) {
            return new RejectedExecutionException("the scheduler is stopping");
        }
        if (status == Errno.AGAIN) {
            return new RejectedExecutionException("the scheduler's limit of strands is reached");
        }
        return new RejectedExecutionException(Errno.text(status));
    }

    /** Of anything else that only misuse or want of memory can bring about. */
    static RuntimeException misuse(long status, String what) {
        if (status == Errno.NO_MEMORY) {
            throw new OutOfMemoryError(what);
        }
        if (status == Errno.INVALID) {
            return new IllegalArgumentException(what + ": " + Errno.text(status));
        }
        return new IllegalStateException(what + ": " + Errno.text(status));
    }
}
