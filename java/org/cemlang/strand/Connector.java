// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;

/** A connection in the making. */
final class Connector {
    private Connector() {}

    static LineStream connect(Strand self, String address, long deadlineNs) throws IOException {
        byte[] text = address.getBytes(StandardCharsets.UTF_8);
        long connecting = Native.beginConnect(self.scheduler.handle(), text);
        if (connecting < 0) {
            throw Failure.connect(connecting, address);
        }
        long stream;
        while ((stream = Native.connectStep(self.control, connecting, deadlineNs))
                == Errno.AGAIN) {
            await(self, connecting, address);
        }
        if (stream < 0) {
            throw Failure.connect(stream, address);
        }
        return new LineStream(self.scheduler, stream, address);
    }

    private static void await(Strand self, long connecting, String address)
            throws InterruptedIOException {
        boolean resumed;
        try {
            resumed = self.await();
        } catch (Throwable cannotPark) {
            Native.abandonConnect(self.control, connecting);
            throw cannotPark;
        }
        if (!resumed) {
            Native.abandonConnect(self.control, connecting);
            throw Failure.interruptedIo(address);
        }
    }
}
