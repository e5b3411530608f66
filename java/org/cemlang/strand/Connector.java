// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** A connection in the making. */
final class Connector {
    private static final Strand.GivingUp ABANDONING = Native::abandonConnect;

    private Connector() {}

    static LineStream connect(Strand self, String address, long deadlineNs) throws IOException {
        byte[] text = address.getBytes(StandardCharsets.UTF_8);
        long connecting = Native.beginConnect(self.scheduler.handle(), text);
        if (connecting < 0) {
            throw Failure.at(connecting, address);
        }
        long stream;
        while ((stream = Native.connectStep(self.control(), connecting, deadlineNs))
                == Errno.AGAIN) {
            self.await(connecting, ABANDONING, address);
        }
        if (stream < 0) {
            throw Failure.at(stream, address);
        }
        return new LineStream(self.scheduler, stream, address);
    }
}
