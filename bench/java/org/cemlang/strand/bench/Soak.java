// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.cemlang.strand.LineServer;
import org.cemlang.strand.LineStream;
import org.cemlang.strand.Strand;
import org.cemlang.strand.Strands;

/**
 * The soak's server in Java (bench/native/soak/soak.h says what it must do): the clients are the
 * native ones, and so is their account.
 */
final class Soak {
    private static long connections;
    private static long highestId;
    private static SoakWork work = new SoakWork(0);

    private Soak() {}

    public static void main(String[] words) {
        Strands.spawn("answers", () -> {
            try (LineServer tcp = LineServer.listen("127.0.0.1:0");
                    LineServer unix = LineServer.listen(words[0])) {
                for (LineServer server : new LineServer[] {tcp, unix}) {
                    Strands.println(server.address());
                    spawn(() -> accept(server));
                }
                answer();
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        Strands.run();
    }

    /** Its strand, whose entry in the core's table is counted. */
    static Strand spawn(Runnable body) {
        Strand strand = Strands.spawn(body);
        highestId = Math.max(highestId, strand.id() & 0xffffffffL);
        return strand;
    }

    private static void accept(LineServer server) {
        try {
            for (;;) {
                LineStream connection = server.accept();
                spawn(() -> echo(connection));
            }
        } catch (IOException closed) {
            return;     // by the end of answer
        }
    }

    private static void echo(LineStream connection) {
        connections++;
        try (connection) {
            String line;
            while ((line = connection.readLine()) != null) {
                connection.writeLine(line);
            }
        } catch (IOException gone) {
            return;     // killed, in the middle
        } finally {
            connections--;
        }
    }

    private static void answer() throws IOException, InterruptedException {
        for (String what; (what = Strands.readLine()) != null;) {
            switch (what) {
                case "?" -> Strands.println(holding());
                case "+" -> {
                    work = new SoakWork(1);
                    work.begin();
                    Strands.println("well");
                }
                default -> {
                    work.end();
                    Strands.println("well");
                }
            }
        }
    }

    private static String holding() throws IOException {
        return entries("/proc/self/fd") + " " + residentKib() + " " + lines("/proc/self/maps") + " "
                + highestId + " " + connections + " " + work.rounds() + " " + work.wrong();
    }

    /** Without the one that is open to look. */
    private static long entries(String folder) throws IOException {
        try (var files = Files.newDirectoryStream(Path.of(folder))) {
            long count = -1;
            for (Path ignored : files) {
                count++;
            }
            return count;
        }
    }

    private static long lines(String file) throws IOException {
        try (var lines = Files.lines(Path.of(file))) {
            return lines.count();
        }
    }

    private static long residentKib() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new UncheckedIOException(new IOException("no VmRSS"));
    }
}
