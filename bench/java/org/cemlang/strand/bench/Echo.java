// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.cemlang.strand.Strands;

/** Standard input to standard output, line by line, as strings: ours and the JDK's. */
final class Echo {
    private Echo() {}

    static void strands() {
        Strands.spawn(() -> {
            try {
                String line;
                while ((line = Strands.readLine()) != null) {
                    Strands.writeLine(line);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        Strands.run();
    }

    static void buffered() throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(
                new FileInputStream(FileDescriptor.in), StandardCharsets.UTF_8));
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(
                new FileOutputStream(FileDescriptor.out), StandardCharsets.UTF_8));
        String line;
        while ((line = in.readLine()) != null) {
            out.write(line);
            out.write('\n');
        }
        out.flush();
    }
}
