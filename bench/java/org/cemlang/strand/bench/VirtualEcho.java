// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/**
 * A virtual thread for each connection, buffered by hand: bytes, not characters; no lock; output
 * goes out when no whole line is left of the input.
 */
final class VirtualEcho {
    private static final int BUFFER_BYTES = 4096;
    private static final int BACKLOG = 4096;

    private final InputStream in;
    private final OutputStream out;
    private byte[] bytes = new byte[BUFFER_BYTES];
    private final byte[] lines = new byte[BUFFER_BYTES];
    /** In {@code bytes}: lines not yet taken begin at start; in {@code lines}: those to go out. */
    private int start, end, waiting;

    private VirtualEcho(Socket peer) throws IOException {
        in = peer.getInputStream();
        out = peer.getOutputStream();
    }

    static void run() {
        Workers threads = new VirtualWorkers();
        threads.run(() -> {
            try {
                accept(threads);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    private static void accept(Workers threads) throws IOException {
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        try (ServerSocket server = new ServerSocket(0, BACKLOG, loopback)) {
            EchoServer.printPort(server.getLocalPort());
            for (;;) {
                Socket peer = server.accept();
                threads.start(() -> serve(peer));
            }
        }
    }

    private static void serve(Socket peer) {
        try (peer) {
            peer.setTcpNoDelay(true);
            new VirtualEcho(peer).echo();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void echo() throws IOException {
        int next;
        while ((next = endOfLine()) > 0) {
            writeLine(start, next);
            start = next;
        }
    }

    /** Of the next line, behind its newline; 0 at the end of input. */
    private int endOfLine() throws IOException {
        int scanned = start;
        for (;;) {
            for (; scanned < end; scanned++) {
                if (bytes[scanned] == '\n') {
                    return scanned + 1;
                }
            }
            flush();
            scanned -= makeRoom();
            int count = in.read(bytes, end, bytes.length - end);
            if (count < 0) {
                return 0;
            }
            end += count;
        }
    }

    /** Moves the part of a line to the front; by how much. */
    private int makeRoom() {
        int moved = start;
        int length = end - start;
        byte[] to = length == bytes.length ? new byte[2 * length] : bytes;
        System.arraycopy(bytes, start, to, 0, length);
        bytes = to;
        start = 0;
        end = length;
        return moved;
    }

    private void writeLine(int from, int to) throws IOException {
        int length = to - from;
        if (length > lines.length - waiting) {
            flush();
        }
        if (length > lines.length) {
            out.write(bytes, from, length);
            return;
        }
        System.arraycopy(bytes, from, lines, waiting, length);
        waiting += length;
    }

    private void flush() throws IOException {
        if (waiting > 0) {
            out.write(lines, 0, waiting);
            waiting = 0;
        }
    }
}
