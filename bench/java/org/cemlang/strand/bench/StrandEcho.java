// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.cemlang.strand.LineServer;
import org.cemlang.strand.LineStream;
import org.cemlang.strand.Strands;

/** Ours: a strand for each connection, plain blocking code. */
final class StrandEcho {
    private static final int LINE_BYTES = 4096;

    private StrandEcho() {}

    interface Service {
        void serve(LineStream peer) throws IOException;
    }

    static void run(Service service) {
        Strands.spawn(() -> {
            try {
                accept(service);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        Strands.run();
    }

    private static void accept(Service service) throws IOException {
        try (LineServer server = LineServer.listen("127.0.0.1:0")) {
            String address = server.address();
            EchoServer.printPort(Integer.parseInt(address.substring(address.lastIndexOf(':') + 1)));
            for (;;) {
                LineStream peer = server.accept();
                Strands.spawn(() -> serve(service, peer));
            }
        }
    }

    private static void serve(Service service, LineStream peer) {
        try (peer) {
            service.serve(peer);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void serveStrings(LineStream peer) throws IOException {
        String line;
        while ((line = peer.readLine()) != null) {
            peer.writeLine(line);
        }
    }

    static void serveBytes(LineStream peer) throws IOException {
        ByteBuffer line = ByteBuffer.allocate(LINE_BYTES);
        while (peer.readLine(line.clear()) >= 0) {
            peer.writeLine(line.flip());
        }
    }
}
