// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandles;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What the library does; cpp/jni has the other side, a dozen lines each.
 *
 * <p>Handles (schedulers, control blocks, streams) are positive, and a negative result is an errno
 * value. A method that ends in {@code Step} never waits: {@link Errno#AGAIN} means that the strand is
 * armed, is to park, and then to call the same step again. {@code self} is the calling strand's
 * control block; {@code caller} is that too, or 0 for a caller that is no strand.
 */
final class Native {
    /** From {@link #next}: there is nothing left to run. */
    static final int OVER = -1_000_001;
    /** From {@link #pass}: the carrier must go on. */
    static final int HAND_TO_CARRIER = -1_000_002;
    /** From {@link #readLineStep}: the input has ended. */
    static final long END = Long.MIN_VALUE;

    /** From {@link #ready}, on the carrier: it is that strand's turn, which is to end as YIELDED. */
    static final int RUNS = 1;

    /** What became of the strand that ran, as in cpp/scheduler/hosted.h. */
    static final int PARKED = 0;
    static final int YIELDED = 1;
    static final int FINISHED = 2;

    /** What a strand parks for in {@link #parkStep}, as cpp/jni/hosted_glue.c words it. */
    static final int WAITS_BLOCKING = 0;
    static final int WAITS_FUTURE = 1;
    static final int WAITS_EXECUTOR = 2;

    static final long FOREVER = Long.MAX_VALUE;

    static {
        NativeLibrary.load();
    }

    private Native() {}

    static native byte[] version();
    static native void errors(int[] values);
    static native byte[] errorText(int error);
    static native long now();
    static native MethodHandles.@Nullable Lookup trustedLookup();

    static native long open(long stackBytes, long maxStrands, int guards, int pollBound, long graceNs);
    static native int enter(long scheduler);
    static native void leave(long scheduler);
    static native int shutDown(long scheduler);
    static native void stop(long scheduler);
    static native void flushAll(long scheduler);
    static native int stats(long scheduler, long[] numbers, String[] names);
    static native byte @Nullable [] dump(long caller, long scheduler, boolean stacks);

    /** A strand whose body is C, ready at once; {@code end} is told of its end. */
    static native int spawnNative(long caller, long scheduler, byte @Nullable [] name,
            long entry, long argument, NativeEnd end, long[] id);
    static native long create(long scheduler, byte @Nullable [] name);
    static native long id(long strand);
    /** {@link #RUNS}, or an errno value when the strand has ended. */
    static native int ready(long caller, long id);
    static native void abandon(long id);

    /** Slot number and unpark flag of the next strand ({@code slot << 1 | unpark}), or a code. */
    static native long next(long scheduler, long previous, int disposition);
    static native long pass(long scheduler, long previous, int disposition);
    /** Where {@link CoreMemory} finds things. */
    static native void hostedLayout(int[] values);
    /** The address of the addresses of the table's chunks. */
    static native long tableChunks();
    /** The control block of a Java strand that has not ended. */
    static native long control(int slot);
    static native int waitInPlace(long self);
    /** Why a strand that is armed in a step parks; null for one that is not. */
    static native byte @Nullable [] waitReason(long self);
    /** From now on {@link #wokenNs} says when the core last ended a wait of a strand. */
    static native void stampWakes(long scheduler);
    static native long wokenNs(long self);
    static native void waitDone(long self);
    static native int joinStep(long self, long id, long deadlineNs);
    static native int sleepStep(long self, long deadlineNs);
    static native int parkStep(long self, int reason, long deadlineNs);
    static native int wake(long caller, long id);
    static native int cancel(long caller, long id);

    static native long openStream(long scheduler, int descriptor, long maxLineBytes, boolean keep);
    /** On a descriptor of its own for what that one is for. */
    static native long openCopy(long scheduler, int descriptor);
    static native long standardStream(long scheduler, int descriptor);
    // Of these steps, deadlineNs is absolute, or, negative, a patience that begins with the call.
    /** Length and ending ({@code length << 2 | ending}), or {@link #END}, or an errno value. */
    static native long readLineStep(long self, long stream, long deadlineNs,
            byte[] bytes, int length, LineBuffer bytesOf);
    static native int writeStep(long self, long stream, long deadlineNs,
            byte[] from, int offset, int length, boolean newline);
    static native int writeDirectStep(long self, long stream, long deadlineNs,
            ByteBuffer from, int offset, int length, boolean newline);
    static native int flushStep(long self, long stream, long deadlineNs);
    static native int shutDownStep(long self, long stream, long deadlineNs);
    static native int closeStep(long self, long stream, long deadlineNs);
    /** Between enter and leave, with no strand running. */
    static native int closeIdle(long stream);
    static native void giveUp(long self, long stream);
    static native void setMaxLine(long stream, long bytes);
    /** Where {@link StreamMemory} finds things. */
    static native void layout(int[] values);
    static native long deadline(long stream);
    static native long ioOf(long scheduler);

    static native long listen(long scheduler, byte[] address, int backlog);
    static native long beginListen(byte[] address);
    static native long listenStep(long self, long listening, int backlog);
    static native void abandonListen(long self, long listening);
    static native byte @Nullable [] listenerAddress(long listener);
    static native long acceptStep(long self, long listener, long deadlineNs);
    static native void giveUpAccept(long self, long listener);
    static native void closeListener(long listener);
    static native long beginConnect(long scheduler, byte[] address);
    static native long connectStep(long self, long connecting, long deadlineNs);
    static native void abandonConnect(long self, long connecting);
}
