// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The text of a dump: the core writes a line for each strand and the stacks of native ones, the JVM
 * knows those of Java strands.
 */
final class Dump {
    /** How a strand's line begins; its id in hexadecimal digits follows. */
    private static final String LINE = "  strand ";

    private Dump() {}

    static String of(Scheduler scheduler, Core core, boolean stacks) {
        Strand caller = Engine.CHOSEN.current();
        byte @Nullable [] bytes;
        core.enterOpen();
        try {
            bytes = Native.dump(caller != null && caller.scheduler == scheduler ? caller.control() : 0,
                    core.handle(), stacks);
        } finally {
            core.leave();
        }
        String text = bytes == null ? "" : new String(bytes, StandardCharsets.UTF_8);
        Strand running = scheduler.running();
        if (running != null && text.startsWith("strand: no dump: ")) {
            return text + "strand: '" + running.name() + "' has it\n"
                    + (stacks ? stack(running) : "");
        }
        return stacks ? withJavaStacks(text, scheduler, caller) : text;
    }

    private static String withJavaStacks(
            String text, Scheduler scheduler, @Nullable Strand caller) {
        StringBuilder with = new StringBuilder(text.length() * 2);
        text.lines().forEach(line -> {
            with.append(line).append('\n');
            Strand strand = strandOf(line, scheduler);
            if (strand != null && strand != caller) {
                with.append(stack(strand));
            }
        });
        return with.toString();
    }

    private static String stack(Strand strand) {
        StringBuilder frames = new StringBuilder();
        for (StackTraceElement frame : strand.thread().getStackTrace()) {
            frames.append("      at ").append(frame).append('\n');
        }
        return frames.toString();
    }

    /** A Java strand that still lives; null for every other line. */
    private static @Nullable Strand strandOf(String line, Scheduler scheduler) {
        if (!line.startsWith(LINE)) {
            return null;
        }
        int end = line.indexOf(' ', LINE.length());
        try {
            long id = Long.parseUnsignedLong(line, LINE.length(), end, 16);
            Strand strand = StrandTable.find((int) id);
            return strand != null && strand.id == id && strand.scheduler == scheduler
                    ? strand : null;
        } catch (NumberFormatException | IndexOutOfBoundsException aNameWithALineOfItsOwn) {
            return null;
        }
    }
}
