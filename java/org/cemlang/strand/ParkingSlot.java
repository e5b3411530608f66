// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.util.concurrent.locks.LockSupport;

/** Where a thread of the baton engine waits for the baton: the only parking place there is in Java. */
final class ParkingSlot {
    private final Thread owner;
    private volatile boolean granted;

    ParkingSlot(Thread owner) {
        this.owner = owner;
    }

    void grant() {
        granted = true;
        LockSupport.unpark(owner);
    }

    boolean isGranted() {
        return granted;
    }

    /**
     * Waits for the baton. An interrupt makes the strand {@code id} ready (0: nobody), since it must
     * have the baton to answer it; the interrupt status is there when this returns.
     */
    void take(long id) {
        boolean interrupted = false;
        while (!granted) {
            LockSupport.park(this);
            if (Thread.interrupted()) {
                interrupted = true;
                if (id != 0 && !granted) {
                    Native.ready(0, id);
                }
            }
        }
        granted = false;
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
