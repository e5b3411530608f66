// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.nio.charset.StandardCharsets;

/** The negative errno values that this package tells apart, as this platform numbers them. */
final class Errno {
    static final int AGAIN;
    static final int CANCELED;
    static final int TIMED_OUT;
    static final int DEADLOCK;
    static final int NOT_PERMITTED;
    static final int BUSY;
    static final int NO_MEMORY;
    static final int BAD_DESCRIPTOR;
    static final int TOO_BIG;
    static final int INVALID;
    static final int NO_SUCH_NAME;

    static {
        int[] values = new int[11];
        Native.errors(values);
        AGAIN = values[0];
        CANCELED = values[1];
        TIMED_OUT = values[2];
        DEADLOCK = values[3];
        NOT_PERMITTED = values[4];
        BUSY = values[5];
        NO_MEMORY = values[6];
        BAD_DESCRIPTOR = values[7];
        TOO_BIG = values[8];
        INVALID = values[9];
        NO_SUCH_NAME = values[10];
    }

    private Errno() {}

    /** What the C library says of it: "Connection refused". */
    static String text(long status) {
        return new String(Native.errorText((int) -status), StandardCharsets.UTF_8);
    }
}
