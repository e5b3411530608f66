// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The ready queue and the control blocks of a scheduler where they are, so that a plain spawn, wake
 * or switch between strands needs no call into the library. What may be done, and when, is in
 * cpp/scheduler/hosted_window.h; each method does all of it or, where a condition does not hold,
 * nothing, and then its caller makes the call. For the mounted engine, on the carrier only.
 */
final class CoreMemory {
    /** From {@link #next}: the library has to be asked. */
    static final long NOT_HERE = Long.MIN_VALUE;

    private static final Access ACCESS = Access.find();
    private static final MethodHandle GET_LONG = ACCESS.getLong;
    private static final MethodHandle PUT_LONG = ACCESS.putLong;
    private static final MethodHandle COMPARE_AND_SET = ACCESS.compareAndSet;
    private static final MethodHandle GET_INT = ACCESS.getInt;
    private static final MethodHandle GET_BYTE = ACCESS.getByte;
    private static final MethodHandle PUT_BYTE = ACCESS.putByte;

    private static final int SPARE;
    private static final int STOP_REQUESTED;
    private static final int SPAWNED;
    private static final int FINISHED_COUNT;
    private static final int PARKED_COUNT;
    private static final int WAKES;
    private static final int FLUSH_DUE;
    private static final int LOOK_AT;
    private static final int RING;
    private static final int HEAD;
    private static final int TAIL;
    private static final int MASK;
    private static final int MORE;
    private static final int ID;
    private static final int SLOT;
    private static final int STATE;
    private static final int KIND;
    private static final int WAITS;
    private static final int UNPARK;
    private static final int GUEST;
    private static final int OPERATION;
    private static final int NEXT;
    private static final int WORD;
    private static final byte NEW;
    private static final byte READY;
    private static final byte RUNNING;
    private static final byte PARKED;
    private static final byte HOSTED;
    private static final int LIVE;
    /** The eight flags of a strand that nothing has happened to. */
    private static final long PLAIN_NEW;
    private static final long PLAIN_RUNNING;
    private static final long A_GENERATION = 1L << 32;
    private static final long LAST_GENERATION = 0xffff_fffeL;

    static {
        int[] at = new int[29];
        Native.hostedLayout(at);
        int next = 0;
        SPARE = at[next++];
        STOP_REQUESTED = at[next++];
        SPAWNED = at[next++];
        FINISHED_COUNT = at[next++];
        PARKED_COUNT = at[next++];
        WAKES = at[next++];
        FLUSH_DUE = at[next++];
        LOOK_AT = at[next++];
        RING = at[next++];
        HEAD = at[next++];
        TAIL = at[next++];
        MASK = at[next++];
        MORE = at[next++];
        ID = at[next++];
        SLOT = at[next++];
        STATE = at[next++];
        KIND = at[next++];
        WAITS = at[next++];
        UNPARK = at[next++];
        GUEST = at[next++];
        OPERATION = at[next++];
        NEXT = at[next++];
        WORD = at[next++];
        NEW = (byte) at[next++];
        READY = (byte) at[next++];
        RUNNING = (byte) at[next++];
        PARKED = (byte) at[next++];
        HOSTED = (byte) at[next++];
        LIVE = at[next];
        PLAIN_NEW = flags(NEW, HOSTED);
        PLAIN_RUNNING = flags(RUNNING, HOSTED);
    }

    /** State and kind stand first in memory. */
    private static long flags(byte state, byte kind) {
        return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
                ? state | kind << 8 : (long) state << 56 | (long) kind << 48;
    }

    private final long scheduler;

    CoreMemory(long scheduler) {
        this.scheduler = scheduler;
    }

    /** Whether there is a way to the library's memory here. */
    static boolean isReachable() {
        return ACCESS.found;
    }

    static long idOf(long control) {
        return getLong(control + ID);
    }

    /** A control block, with its id, for a strand without name; 0: not here. */
    long take() {
        long block = getLong(scheduler + SPARE);
        if (block != 0 && getInt(scheduler + STOP_REQUESTED) == 0) {
            putLong(scheduler + SPARE, getLong(block + NEXT));
            return block;
        }
        return 0;
    }

    /** As {@link Native#ready} for a strand that has not ended, or {@link Errno#AGAIN}: not here. */
    int ready(long control) {
        byte state = getByte(control + STATE);
        if (state == RUNNING) {
            return Native.RUNS;
        }
        if (state == READY) {
            return 0;
        }
        long tail = getLong(scheduler + TAIL);
        if (getByte(control + WAITS) != 0 || !hasRoom(tail)) {
            return Errno.AGAIN;
        }
        if (state == PARKED) {
            add(PARKED_COUNT, -1);
            add(WAKES, 1);
        } else if (getInt(scheduler + STOP_REQUESTED) == 0) {
            add(SPAWNED, 1);
        } else {
            return Errno.AGAIN;
        }
        append(control, tail);
        return 0;
    }

    /**
     * Disposes of the strand that ran, as {@link Native#next} does, and takes the next: what that
     * returns, or {@link #NOT_HERE}, and then nothing has been done.
     */
    long next(long previous, int became) {
        long head = getLong(scheduler + HEAD);
        long tail = getLong(scheduler + TAIL);
        long first = head == tail ? previous : place(head);
        if (head == getLong(scheduler + LOOK_AT) || getByte(first + KIND) != HOSTED) {
            return NOT_HERE;
        }
        if (became == Native.YIELDED) {
            if (!hasRoom(tail)) {
                return NOT_HERE;
            }
            append(previous, tail);
        } else if (head == tail || getInt(scheduler + FLUSH_DUE) != 0
                || !(became == Native.PARKED ? park(previous) : end(previous))) {
            return NOT_HERE;
        }
        return begin(first, head);
    }

    private boolean park(long previous) {
        if (getByte(previous + WAITS) != 0 || getByte(previous + UNPARK) != 0) {
            return false;
        }
        putByte(previous + STATE, PARKED);
        add(PARKED_COUNT, 1);
        return true;
    }

    /** Its block is the next strand's then. */
    private boolean end(long previous) {
        long id = getLong(previous + ID);
        long word = id >>> 32 << 32 | LIVE;
        if (getLong(previous + STATE) != PLAIN_RUNNING || getByte(previous + GUEST) != 0
                || getLong(previous + OPERATION) != 0 || id >>> 32 == LAST_GENERATION
                || !compareAndSet(getLong(previous + SLOT) + WORD, word, word + A_GENERATION)) {
            return false;
        }
        putLong(previous + ID, id + A_GENERATION);
        putLong(previous + STATE, PLAIN_NEW);
        putLong(previous + NEXT, getLong(scheduler + SPARE));
        putLong(scheduler + SPARE, previous);
        VarHandle.releaseFence();     // who sees it counted sees the spawns before it
        add(FINISHED_COUNT, 1);
        return true;
    }

    private long begin(long first, long head) {
        putLong(scheduler + HEAD, head + 1);
        putByte(first + STATE, RUNNING);
        long unpark = getByte(first + UNPARK);
        if (unpark != 0) {
            putByte(first + UNPARK, (byte) 0);
        }
        return (getLong(first + ID) & 0xffff_ffffL) << 1 | unpark;
    }

    private boolean hasRoom(long tail) {
        return tail - getLong(scheduler + HEAD) <= getLong(scheduler + MASK)
                && getLong(scheduler + MORE) == 0;
    }

    private void append(long control, long tail) {
        putByte(control + STATE, READY);
        putLong(addressOfPlace(tail), control);
        putLong(scheduler + TAIL, tail + 1);
    }

    private long place(long count) {
        return getLong(addressOfPlace(count));
    }

    private long addressOfPlace(long count) {
        return getLong(scheduler + RING) + ((count & getLong(scheduler + MASK)) << 3);
    }

    private void add(int counter, long change) {
        putLong(scheduler + counter, getLong(scheduler + counter) + change);
    }

    private static long getLong(long address) {
        try {
            return (long) GET_LONG.invokeExact(address);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    private static void putLong(long address, long value) {
        try {
            PUT_LONG.invokeExact(address, value);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    private static boolean compareAndSet(long address, long from, long to) {
        try {
            return (boolean) COMPARE_AND_SET.invokeExact((Object) null, address, from, to);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    private static int getInt(long address) {
        try {
            return (int) GET_INT.invokeExact(address);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    private static byte getByte(long address) {
        try {
            return (byte) GET_BYTE.invokeExact(address);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    private static void putByte(long address, byte value) {
        try {
            PUT_BYTE.invokeExact(address, value);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    /** The JDK's own plain reads and writes of memory by its address; static finals, as above. */
    private static final class Access {
        boolean found;
        MethodHandle getLong, putLong, compareAndSet, getInt, getByte, putByte;

        @SuppressWarnings("NullAway")
        private Access() {}

        static Access find() {
            Access access = new Access();
            try {
                MethodHandles.Lookup lookup = Native.trustedLookup();
                if (lookup != null) {
                    access.resolve(lookup);
                    access.found = true;
                }
            } catch (Throwable withoutIt) {
                access.found = false;
            }
            return access;
        }

        private void resolve(MethodHandles.Lookup lookup) throws Throwable {
            Class<?> type = Class.forName("jdk.internal.misc.Unsafe");
            Object unsafe = lookup.findStatic(type, "getUnsafe", MethodType.methodType(type)).invoke();
            getLong = get(lookup, unsafe, "getLong", long.class);
            getInt = get(lookup, unsafe, "getInt", int.class);
            getByte = get(lookup, unsafe, "getByte", byte.class);
            putLong = put(lookup, unsafe, "putLong", long.class);
            compareAndSet = lookup.bind(unsafe, "compareAndSetLong", MethodType.methodType(
                    boolean.class, Object.class, long.class, long.class, long.class));
            putByte = put(lookup, unsafe, "putByte", byte.class);
        }

        private static MethodHandle get(
                MethodHandles.Lookup lookup, Object unsafe, String name, Class<?> value)
                throws ReflectiveOperationException {
            return lookup.bind(unsafe, name, MethodType.methodType(value, long.class));
        }

        private static MethodHandle put(
                MethodHandles.Lookup lookup, Object unsafe, String name, Class<?> value)
                throws ReflectiveOperationException {
            return lookup.bind(unsafe, name, MethodType.methodType(void.class, long.class, value));
        }
    }
}
