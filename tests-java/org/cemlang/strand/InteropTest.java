// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The example, as a program. */
final class InteropTest {
    @Test
    void shouldSquareAndSort() throws Exception {
        Path classes = Path.of(System.getProperty("org.cemlang.strand.test.classes"));
        ChildJvm.Result result = ChildJvm.likeThis()
                .classPath(classes, classes.resolveSibling("example-classes"))
                .run("Interop");
        assertEquals("", result.err());
        assertEquals(0, result.status());
        assertEquals("[1, 4, 9, 16, 25]\napple\nfig\npear\n", result.out());
    }
}
