// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The pipes of a process, taken out of the JDK's streams. These are read and closed by the JDK when the
 * process ends, under the stream's own lock; so a descriptor is copied under that lock, and the pipe for
 * reading is then taken out of the JDK's stream, so that nobody else reads it.
 *
 * <p>The other way would be two helper threads a process that carry bytes between its pipes and ours.
 */
final class ProcessPipes {
    /** Null where a part is missing, and then why. */
    private static final @Nullable Parts PARTS;
    private static final String MISSING;

    static {
        Parts found = null;
        String missing = "";
        try {
            found = Parts.find();
        } catch (ReflectiveOperationException | RuntimeException thrown) {
            missing = "this JDK does not show the pipes of a process: " + thrown.getMessage();
        }
        PARTS = found;
        MISSING = missing;
    }

    private ProcessPipes() {}

    /** Fields of the JDK's streams. */
    private record Parts(VarHandle in, VarHandle out, VarHandle descriptor) {
        static Parts find() throws ReflectiveOperationException {
            MethodHandles.Lookup lookup = Native.trustedLookup();
            if (lookup == null) {
                throw new NoSuchFieldException("no MethodHandles.Lookup.IMPL_LOOKUP");
            }
            return new Parts(lookup.findVarHandle(FilterInputStream.class, "in", InputStream.class),
                    lookup.findVarHandle(FilterOutputStream.class, "out", OutputStream.class),
                    lookup.findVarHandle(FileDescriptor.class, "fd", int.class));
        }

        int number(FileDescriptor of) {
            return (int) descriptor.get(of);
        }
    }

    private static Parts parts() {
        if (PARTS == null) {
            throw new UnsupportedOperationException(MISSING + "; use Strands.blocking");
        }
        return PARTS;
    }

    /** Whether both are to be had, so that a refusal takes nothing from the process. */
    static void check(Process process) throws IOException {
        parts();
        outputOf(process);
        FilterOutputStream input = inputOf(process);
        synchronized (input) {
            if (parts().out.get(input) instanceof FileOutputStream pipe && !pipe.getFD().valid()) {
                throw Failure.closed("input of " + name(process));
            }
        }
    }

    private static FilterInputStream outputOf(Process process) throws IOException {
        if (process.getInputStream() instanceof FilterInputStream stream) {
            return stream;
        }
        throw new IOException("output of " + name(process) + ": no pipe of this process's");
    }

    private static FilterOutputStream inputOf(Process process) throws IOException {
        if (process.getOutputStream() instanceof FilterOutputStream stream) {
            return stream;
        }
        throw new IOException("input of " + name(process) + ": no pipe of this process's");
    }

    /** What the process writes. */
    static StreamHandle openOutput(Scheduler scheduler, Process process) throws IOException {
        Parts parts = parts();
        String where = "output of " + name(process);
        FilterInputStream stream = outputOf(process);
        synchronized (stream) {
            InputStream pipe = (InputStream) parts.in.getVolatile(stream);
            if (pipe == null) {
                throw Failure.closed(where);
            }
            parts.in.setVolatile(stream, InputStream.nullInputStream());
            if (stream.available() > 0) {
                parts.in.setVolatile(stream, pipe);
                throw new IllegalStateException(where + ": it has been read from before");
            }
            try (InputStream taken = pipe instanceof FileInputStream ? pipe : kept(pipe)) {
                return StreamHandle.open(scheduler,
                        parts.number(((FileInputStream) taken).getFD()), true, where);
            }
        }
    }

    /** The process has ended, and the JDK has what was in the pipe: into a file without a name. */
    private static InputStream kept(InputStream rest) throws IOException {
        byte[] bytes = rest.readAllBytes();
        if (bytes.length == 0) {
            return new FileInputStream("/dev/null");
        }
        Path file = Files.createTempFile("strand", null);
        try {
            Files.write(file, bytes);
            return new FileInputStream(file.toFile());
        } finally {
            Files.delete(file);
        }
    }

    /** What the process reads. */
    static StreamHandle openInput(Scheduler scheduler, Process process) throws IOException {
        Parts parts = parts();
        String where = "input of " + name(process);
        FilterOutputStream stream = inputOf(process);
        synchronized (stream) {
            if (!(parts.out.get(stream) instanceof FileOutputStream pipe)) {
                return StreamHandle.closed(scheduler, where + ", which has ended");
            }
            if (!pipe.getFD().valid()) {
                throw Failure.closed(where);
            }
            stream.flush();
            try (stream) {
                return StreamHandle.open(scheduler, parts.number(pipe.getFD()), true, where);
            }
        }
    }

    private static String name(Process process) {
        return "process " + process.pid();
    }
}
