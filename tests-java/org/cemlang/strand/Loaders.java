// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code Loaders COUNT ENTRY...}: runs the Program of that class path in so many class loaders, one
 * after the other and all alive at once, as applications on one server are.
 */
final class Loaders {
    private Loaders() {}

    public static void main(String[] words) throws Exception {
        URL[] entries = new URL[words.length - 1];
        for (int i = 0; i < entries.length; i++) {
            entries[i] = Path.of(words[i + 1]).toUri().toURL();
        }
        List<ClassLoader> alive = new ArrayList<>();
        for (int i = 0; i < Integer.parseInt(words[0]); i++) {
            ClassLoader loader =
                    new URLClassLoader(entries, ClassLoader.getPlatformClassLoader());
            alive.add(loader);
            loader.loadClass("Program").getMethod("main", String[].class)
                    .invoke(null, (Object) new String[0]);
        }
        System.exit(alive.isEmpty() ? 1 : 0);
    }
}
