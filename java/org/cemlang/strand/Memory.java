// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * The library's memory by its addresses, as the JDK's own code reads it, for {@link StreamMemory} and
 * {@link CoreMemory}. A direct {@link java.nio.ByteBuffer} for each stream did the same: 64 bytes a
 * connection, a cache line more for each line, and bounds that are checked against what the library
 * has said anyway.
 *
 * <p>Nothing here is checked. An address is good as long as what stands there is open.
 */
final class Memory {
    private static final Found FOUND = Found.find();

    /** Else nothing below may be called, and the library has to be asked for everything. */
    static final boolean USABLE = FOUND.complete;

    private static final MethodHandle GET_LONG = FOUND.getLong;
    private static final MethodHandle GET_INT = FOUND.getInt;
    private static final MethodHandle GET_SHORT = FOUND.getShort;
    private static final MethodHandle GET_BYTE = FOUND.getByte;
    private static final MethodHandle PUT_LONG = FOUND.putLong;
    private static final MethodHandle PUT_SHORT = FOUND.putShort;
    private static final MethodHandle PUT_BYTE = FOUND.putByte;
    private static final MethodHandle COMPARE_AND_SET_LONG = FOUND.compareAndSetLong;

    private Memory() {}

    static long getLong(long address) {
        try {
            return (long) GET_LONG.invokeExact(address);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    static int getInt(long address) {
        try {
            return (int) GET_INT.invokeExact(address);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    static short getShort(long address) {
        try {
            return (short) GET_SHORT.invokeExact(address);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    static byte getByte(long address) {
        try {
            return (byte) GET_BYTE.invokeExact(address);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    static void putLong(long address, long value) {
        try {
            PUT_LONG.invokeExact(address, value);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    static void putShort(long address, short value) {
        try {
            PUT_SHORT.invokeExact(address, value);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    static void putByte(long address, byte value) {
        try {
            PUT_BYTE.invokeExact(address, value);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    static boolean compareAndSetLong(long address, long expected, long value) {
        try {
            return (boolean) COMPARE_AND_SET_LONG.invokeExact((Object) null, address, expected, value);
        } catch (Throwable thrown) {
            throw VirtualThreads.unexpected(thrown);
        }
    }

    /** {@code jdk.internal.misc.Unsafe}; the one in {@code sun.misc} warns from JDK 24 on. */
    private static final class Found {
        boolean complete;
        MethodHandle getLong, getInt, getShort, getByte, putLong, putShort, putByte;
        MethodHandle compareAndSetLong;

        @SuppressWarnings("NullAway")
        private Found() {}

        static Found find() {
            Found found = new Found();
            MethodHandles.Lookup lookup = Native.trustedLookup();
            if (lookup != null) {
                try {
                    found.resolve(lookup);
                } catch (Throwable without) {
                    found.complete = false;
                }
            }
            return found;
        }

        private void resolve(MethodHandles.Lookup lookup) throws Throwable {
            Class<?> type = Class.forName("jdk.internal.misc.Unsafe");
            Object unsafe = lookup.findStatic(type, "getUnsafe", MethodType.methodType(type)).invoke();
            getLong = getter(lookup, unsafe, "getLong", long.class);
            getInt = getter(lookup, unsafe, "getInt", int.class);
            getShort = getter(lookup, unsafe, "getShort", short.class);
            getByte = getter(lookup, unsafe, "getByte", byte.class);
            putLong = setter(lookup, unsafe, "putLong", long.class);
            putShort = setter(lookup, unsafe, "putShort", short.class);
            putByte = setter(lookup, unsafe, "putByte", byte.class);
            compareAndSetLong = lookup.bind(unsafe, "compareAndSetLong", MethodType.methodType(
                    boolean.class, Object.class, long.class, long.class, long.class));
            complete = true;
        }

        private static MethodHandle getter(
                MethodHandles.Lookup lookup, Object unsafe, String name, Class<?> type)
                throws ReflectiveOperationException {
            return lookup.bind(unsafe, name, MethodType.methodType(type, long.class));
        }

        private static MethodHandle setter(
                MethodHandles.Lookup lookup, Object unsafe, String name, Class<?> type)
                throws ReflectiveOperationException {
            return lookup.bind(unsafe, name, MethodType.methodType(void.class, long.class, type));
        }
    }
}
