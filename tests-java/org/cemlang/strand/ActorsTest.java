// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The example, as a program: its sum and its refusals. */
final class ActorsTest {
    private static final Path CLASSES =
            Path.of(System.getProperty("org.cemlang.strand.test.classes"));

    private static ChildJvm.Result actors(String... words) throws Exception {
        return ChildJvm.likeThis()
                .options("-Xmx1g")
                .classPath(CLASSES, CLASSES.resolveSibling("example-classes"))
                .run("Actors", words);
    }

    @Test
    void shouldPassATokenRound() throws Exception {
        long count = Support.mounted() ? 500_000 : 1_000; // on the baton each has a thread
        ChildJvm.Result result = actors(Long.toString(count));
        assertEquals("", result.err());
        assertEquals(0, result.status());
        String said = count + " actors, sum " + count * (count + 1) / 2 + ", in ";
        assertTrue(result.out().startsWith(said), result.out());
        assertEquals(1, result.out().lines().count());
    }

    @Test
    void shouldRefuseWhatIsNoNumberOfActors() throws Exception {
        for (String[] words : new String[][] {{"0"}, {"-1"}, {"x"}, {"99999999999"}, {"1", "2"}}) {
            ChildJvm.Result result = actors(words);
            assertEquals(2, result.status(), String.join(" ", words));
            assertEquals("", result.out());
            assertEquals(1, result.err().lines().count(), result.err());
        }
    }
}
