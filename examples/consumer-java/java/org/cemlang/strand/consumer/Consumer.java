// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.consumer;

import java.time.Duration;
import org.cemlang.strand.Strands;

/** Three strands in turn, and after a moment's sleep again: "ABCABC". */
public final class Consumer {
    private Consumer() {}

    public static void main(String[] arguments) {
        for (String name : new String[] {"A", "B", "C"}) {
            Strands.spawn(() -> printTwice(name));
        }
        Strands.run();
        System.out.println();
    }

    private static void printTwice(String name) {
        System.out.print(name);
        try {
            Strands.sleep(Duration.ofMillis(1));
        } catch (InterruptedException cancelled) {
            return;
        }
        System.out.print(name);
    }
}
