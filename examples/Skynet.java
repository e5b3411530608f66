// SPDX-License-Identifier: Apache-2.0

import org.cemlang.strand.Strand;
import org.cemlang.strand.Strands;

/**
 * Skynet: a tree of strands, ten children each, whose leaves are the numbers 0 to n - 1; each strand
 * joins its children and hands their sum up.
 *
 * <pre>
 * Skynet [N]      N a power of ten, 1,000,000 by default
 * </pre>
 */
public final class Skynet implements Runnable {
    private static final int CHILDREN = 10;

    private final long first;
    private final long size;
    private long sum;

    /** The leaves first to first + size - 1. */
    private Skynet(long first, long size) {
        this.first = first;
        this.size = size;
    }

    public static void main(String[] words) {
        long leaves = words.length == 0 ? 1_000_000 : words.length == 1 ? powerOfTen(words[0]) : -1;
        if (leaves < 0) {
            System.err.println("usage: skynet [N], a power of ten");
            System.exit(2);
        }
        Skynet root = new Skynet(0, leaves);
        long startNs = System.nanoTime();
        Strands.spawn(root);
        Strands.run();
        System.out.println(root.sum + " in " + (System.nanoTime() - startNs) / 1_000_000 + " ms");
    }

    @Override
    public void run() {
        if (size == 1) {
            sum = first;
            return;
        }
        Skynet[] children = new Skynet[CHILDREN];
        Strand[] strands = new Strand[CHILDREN];
        for (int i = 0; i < CHILDREN; i++) {
            children[i] = new Skynet(first + i * size / CHILDREN, size / CHILDREN);
            strands[i] = Strands.spawn(children[i]);
        }
        for (int i = 0; i < CHILDREN; i++) {
            join(strands[i]);
            sum += children[i].sum;
        }
    }

    private static void join(Strand strand) {
        try {
            strand.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static long powerOfTen(String text) {
        try {
            long number = Long.parseLong(text);
            long rest = number;
            while (rest > 1 && rest % 10 == 0) {
                rest /= 10;
            }
            return rest == 1 ? number : -1;
        } catch (NumberFormatException e) {
            return -1;
        }
    }
}
