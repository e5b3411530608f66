// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.util.concurrent.RejectedExecutionException;
import org.cemlang.strand.LineServer;
import org.cemlang.strand.LineStream;
import org.cemlang.strand.LineTooLongException;
import org.cemlang.strand.Scheduler;
import org.cemlang.strand.Strands;

/**
 * Echo: gives back each line, byte for byte, with its own ending.
 *
 * <pre>
 * Echo                      standard input to standard output
 * Echo --listen ADDRESS     a TCP server ("127.0.0.1:7000", "[::1]:0"), a strand a connection
 * </pre>
 *
 * SIGTERM and SIGINT end it: what has arrived is still echoed. Exit status: 0; 1 when a line was too
 * long or a stream failed; 2 when it could not begin.
 */
public final class Echo {
    private static final int FAILED = 1;
    private static final int REFUSED = 2;

    private int status;

    public static void main(String[] words) {
        String address = null;
        if (words.length == 2 && words[0].equals("--listen")) {
            address = words[1];
        } else if (words.length != 0) {
            System.err.println("usage: echo [--listen ADDRESS]");
            System.exit(REFUSED);
        }
        int status = new Echo().run(address);
        if (status != 0) {
            System.exit(status);
        }
    }

    private int run(String address) {
        try (Scheduler scheduler = Scheduler.open()) {
            scheduler.spawn("echo", () -> begin(address));
            scheduler.run();
        } catch (UnsupportedOperationException | UnsatisfiedLinkError | RejectedExecutionException e) {
            complain(e.getMessage(), REFUSED);
        }
        return status;
    }

    private void begin(String address) {
        if (address == null) {
            echoStandardStreams();
        } else {
            serve(address);
        }
    }

    private void echoStandardStreams() {
        try {
            LineStream out = LineStream.standardOutput();
            echo(LineStream.standardInput(), out);
            out.flush();
        } catch (IOException e) {
            complain(e.getMessage(), FAILED);
        }
    }

    private void serve(String address) {
        try (LineServer server = LineServer.listen(address)) {
            System.err.println("listening on " + server.address());
            accept(server);
        } catch (IOException e) {
            complain(e.getMessage(), REFUSED);
        }
    }

    private void accept(LineServer server) {
        for (;;) {
            try {
                LineStream connection = server.accept();
                Strands.spawn(() -> echoConnection(connection));
            } catch (InterruptedIOException | RejectedExecutionException stop) {
                return;
            } catch (IOException e) {
                complain("accept: " + e.getMessage(), FAILED);
                return;
            }
        }
    }

    /** A peer that goes away in the middle is its own affair and changes no exit status. */
    private void echoConnection(LineStream connection) {
        try (connection) {
            echo(connection, connection);
        } catch (IOException gone) {
            // Closed now.
        }
    }

    /** Reading parks while nothing is there; what was written goes out at the latest then. */
    private void echo(LineStream in, LineStream out) throws IOException {
        ByteBuffer line = ByteBuffer.allocate(1024);
        try {
            while ((line = read(in, line)) != null) {
                out.write(line);
            }
        } catch (InterruptedIOException stop) {
            // All that had arrived is echoed.
        }
    }

    /** The next line with its ending, in `buffer` or in a larger one; null at the end of input. */
    private ByteBuffer read(LineStream in, ByteBuffer buffer) throws IOException {
        for (;;) {
            try {
                buffer.clear().limit(buffer.capacity() - 2);
                if (in.readLine(buffer) < 0) {
                    return null;
                }
                buffer.limit(buffer.capacity());
                switch (in.ending()) {
                    case CRLF -> buffer.put((byte) '\r').put((byte) '\n');
                    case LF -> buffer.put((byte) '\n');
                    case NONE -> { }
                }
                return buffer.flip();
            } catch (BufferOverflowException tooSmall) {
                buffer = ByteBuffer.allocate(buffer.capacity() * 2);
            } catch (LineTooLongException e) {
                complain("a line is too long and was left out", FAILED);
            }
        }
    }

    private void complain(String what, int becomes) {
        System.err.println("echo: " + what);
        status = Math.max(status, becomes);
    }
}
