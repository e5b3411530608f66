// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

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
    private static final int STATE;
    private static final int KIND;
    private static final int WAITS;
    private static final int UNPARK;
    private static final int GUEST;
    private static final int OPERATION;
    private static final int NEXT_SPARE;
    private static final int WORD;
    private static final byte NEW;
    private static final byte READY;
    private static final byte RUNNING;
    private static final byte PARKED;
    private static final byte HOSTED;
    private static final int LIVE;
    private static final int CHUNK_BITS;
    private static final int ENTRY_BYTES;
    private static final int PLACE;
    private static final long CHUNKS = Native.tableChunks();
    /** The eight flags of a strand that nothing has happened to. */
    private static final long PLAIN_NEW;
    private static final long PLAIN_RUNNING;
    private static final long A_GENERATION = 1L << 32;
    private static final long LAST_GENERATION = 0xffff_fffeL;

    static {
        int[] at = new int[31];
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
        STATE = at[next++];
        KIND = at[next++];
        WAITS = at[next++];
        UNPARK = at[next++];
        GUEST = at[next++];
        OPERATION = at[next++];
        NEXT_SPARE = at[next++];
        WORD = at[next++];
        NEW = (byte) at[next++];
        READY = (byte) at[next++];
        RUNNING = (byte) at[next++];
        PARKED = (byte) at[next++];
        HOSTED = (byte) at[next++];
        LIVE = at[next++];
        CHUNK_BITS = Integer.numberOfTrailingZeros(at[next++]);
        ENTRY_BYTES = at[next++];
        PLACE = at[next];
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
        return Memory.USABLE;
    }

    /** The control block of a Java strand that has not ended: it stands in the table. */
    static long control(int slot) {
        long chunk = Memory.getLong(CHUNKS + (slot >>> CHUNK_BITS) * (long) Long.BYTES);
        return chunk + (slot & (1 << CHUNK_BITS) - 1) * (long) ENTRY_BYTES + PLACE;
    }

    static long idOf(long control) {
        return Memory.getLong(control + ID);
    }

    /** A control block, with its id, for a strand without name; 0: not here. */
    long take() {
        long block = Memory.getLong(scheduler + SPARE);
        if (block != 0 && Memory.getInt(scheduler + STOP_REQUESTED) == 0) {
            Memory.putLong(scheduler + SPARE, Memory.getLong(block + NEXT_SPARE));
            Memory.putLong(block + OPERATION, 0);
            return block;
        }
        return 0;
    }

    /** As {@link Native#ready} for a strand that has not ended, or {@link Errno#AGAIN}: not here. */
    int ready(long control) {
        byte state = Memory.getByte(control + STATE);
        if (state == RUNNING) {
            return Native.RUNS;
        }
        if (state == READY) {
            return 0;
        }
        long tail = Memory.getLong(scheduler + TAIL);
        if (Memory.getByte(control + WAITS) != 0 || !hasRoom(tail)) {
            return Errno.AGAIN;
        }
        if (state == PARKED) {
            add(PARKED_COUNT, -1);
            add(WAKES, 1);
        } else if (Memory.getInt(scheduler + STOP_REQUESTED) == 0) {
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
        long head = Memory.getLong(scheduler + HEAD);
        long tail = Memory.getLong(scheduler + TAIL);
        long first = head == tail ? previous : place(head);
        if (head == Memory.getLong(scheduler + LOOK_AT) || Memory.getByte(first + KIND) != HOSTED) {
            return NOT_HERE;
        }
        if (became == Native.YIELDED) {
            if (!hasRoom(tail)) {
                return NOT_HERE;
            }
            append(previous, tail);
        } else if (head == tail || Memory.getInt(scheduler + FLUSH_DUE) != 0
                || !(became == Native.PARKED ? park(previous) : end(previous))) {
            return NOT_HERE;
        }
        return begin(first, head);
    }

    private boolean park(long previous) {
        if (Memory.getByte(previous + WAITS) != 0 || Memory.getByte(previous + UNPARK) != 0) {
            return false;
        }
        Memory.putByte(previous + STATE, PARKED);
        add(PARKED_COUNT, 1);
        return true;
    }

    /** Its block is the next strand's then. */
    private boolean end(long previous) {
        long id = Memory.getLong(previous + ID);
        long word = id >>> 32 << 32 | LIVE;
        boolean plain = Memory.getLong(previous + STATE) == PLAIN_RUNNING
                && Memory.getByte(previous + GUEST) == 0
                && Memory.getLong(previous + OPERATION) == 0 && id >>> 32 != LAST_GENERATION;
        if (!plain || !Memory.compareAndSetLong(previous + WORD, word, word + A_GENERATION)) {
            return false;
        }
        Memory.putLong(previous + ID, id + A_GENERATION);
        Memory.putLong(previous + STATE, PLAIN_NEW);
        Memory.putLong(previous + NEXT_SPARE, Memory.getLong(scheduler + SPARE));
        Memory.putLong(scheduler + SPARE, previous);
        VarHandle.releaseFence();     // who sees it counted sees the spawns before it
        add(FINISHED_COUNT, 1);
        return true;
    }

    private long begin(long first, long head) {
        Memory.putLong(scheduler + HEAD, head + 1);
        Memory.putByte(first + STATE, RUNNING);
        long unpark = Memory.getByte(first + UNPARK);
        if (unpark != 0) {
            Memory.putByte(first + UNPARK, (byte) 0);
        }
        return (Memory.getLong(first + ID) & 0xffff_ffffL) << 1 | unpark;
    }

    private boolean hasRoom(long tail) {
        return tail - Memory.getLong(scheduler + HEAD) <= Memory.getLong(scheduler + MASK)
                && Memory.getLong(scheduler + MORE) == 0;
    }

    private void append(long control, long tail) {
        Memory.putByte(control + STATE, READY);
        Memory.putLong(addressOfPlace(tail), control);
        Memory.putLong(scheduler + TAIL, tail + 1);
    }

    private long place(long count) {
        return Memory.getLong(addressOfPlace(count));
    }

    private long addressOfPlace(long count) {
        return Memory.getLong(scheduler + RING) + ((count & Memory.getLong(scheduler + MASK)) << 3);
    }

    private void add(int counter, long change) {
        Memory.putLong(scheduler + counter, Memory.getLong(scheduler + counter) + change);
    }
}
