// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.util.concurrent.locks.LockSupport;

/** Workers that park by LockSupport and are unparked one by one. */
final class ParkGate implements Workers.Gate {
    private final Thread[] waiting;
    private volatile boolean open;

    ParkGate(int workers) {
        waiting = new Thread[workers];
    }

    @Override
    public void await(int index) {
        waiting[index] = Thread.currentThread();
        while (!open) {
            LockSupport.park(this);
        }
    }

    @Override
    public void open() {
        open = true;
        for (Thread thread : waiting) {
            LockSupport.unpark(thread);
        }
    }
}
