// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.RejectedExecutionException;
import java.util.stream.Collectors;
import org.cemlang.strand.LineServer;
import org.cemlang.strand.LineStream;
import org.cemlang.strand.LineTooLongException;
import org.cemlang.strand.Scheduler;
import org.cemlang.strand.Strand;
import org.cemlang.strand.Strands;

/**
 * Chat: a server with rooms and nicknames, for telnet and nc. docs/guide.md builds it step by step.
 *
 * <pre>
 * Chat [--idle SECONDS] [ADDRESS]    by default 127.0.0.1:7000, and 300 s of silence
 * </pre>
 *
 * SIGTERM and SIGINT end it: what was passed on still goes out, and everyone is told. Exit status:
 * 1 when it cannot listen or accept, 2 when it was called wrongly.
 */
public final class Chat {
    private static final int FAILED = 1;
    private static final int WRONG_USE = 2;

    private static final int LONGEST_LINE = 2_000;
    /** Lines that may wait for one who does not read. */
    private static final int MOST_WAITING = 500;
    /** What the last lines to someone may take. */
    private static final Duration GOODBYE = Duration.ofMillis(100);
    private static final String NAME = "[A-Za-z0-9_-]{1,20}";
    private static final String HELP = "/join ROOM, /nick NAME, /who, /quit";

    private final Scheduler scheduler;
    private final Duration idle;
    private final Set<Member> members = new LinkedHashSet<>();
    private boolean closing;
    private int status;

    private Chat(Scheduler scheduler, Duration idle) {
        this.scheduler = scheduler;
        this.idle = idle;
    }

    // ---- Members -------------------------------------------------------------------------------

    private static final class Member {
        final LineStream connection;
        final Strand strand = Strands.current();
        final Deque<String> outbox = new ArrayDeque<>();
        Strand writer;
        boolean writing;
        long heardNs = System.nanoTime();
        String name;
        String room;
        /** Why the server wants this one to go. */
        String reason;

        Member(LineStream connection) {
            this.connection = connection;
        }

        /** Never waits: whoever speaks is not held up by one who does not read. */
        void send(String line) {
            if (outbox.size() >= MOST_WAITING) {
                dismiss("you do not read");
                return;
            }
            outbox.add(line);
            if (writing) {
                return;
            }
            try {
                writer = Strands.spawn(this::write);
                writing = true;
            } catch (RejectedExecutionException stop) {
                // The member's own strand writes it, as one of its last.
            }
        }

        /** What waits, in a strand that lives as long as there is something to write. */
        void write() {
            String line = null;
            try {
                while ((line = outbox.poll()) != null) {
                    connection.writeLine(line);
                }
            } catch (SocketTimeoutException late) { // which is an InterruptedIOException too
                outbox.clear();
            } catch (InterruptedIOException stop) {
                outbox.addFirst(line); // nothing of it was written
            } catch (IOException gone) {
                outbox.clear();
            } finally {
                writing = false;
            }
        }

        /** What waits, and the goodbye. A stop cancels this too, and then it goes on. */
        void writeLast(String goodbye) {
            outbox.add(goodbye);
            if (!writerEnds()) {
                outbox.clear(); // it is in a line, and ends when the connection closes
            }
            while (!outbox.isEmpty()) {
                write();
            }
        }

        /** Whether it does so in time. Two who write would take lines from each other. */
        private boolean writerEnds() {
            long endNs = System.nanoTime() + GOODBYE.toNanos();
            boolean inTime = true;
            while (writing && inTime) {
                try {
                    inTime = writer.join(Duration.ofNanos(endNs - System.nanoTime()));
                } catch (CancellationException stop) {
                    // The writer is canceled too.
                } catch (InterruptedException e) {
                    throw new IllegalStateException("nobody interrupts it", e);
                }
            }
            return inTime;
        }

        /** Ends the strand that reads; it sees to the rest. */
        void dismiss(String why) {
            if (reason == null) {
                reason = why;
                strand.cancel();
            }
        }
    }

    private Member named(String name) {
        for (Member member : members) {
            if (name.equals(member.name)) {
                return member;
            }
        }
        return null;
    }

    /** To everyone else in the room. */
    private void tell(Member from, String line) {
        for (Member member : members) {
            if (member != from && from.room.equals(member.room)) {
                member.send(line);
            }
        }
    }

    // ---- A conversation ------------------------------------------------------------------------

    /** A connection's strand, from the first line to the last. */
    private void serve(LineStream connection) {
        Member member = new Member(connection);
        members.add(member);
        try (connection) {
            try {
                converse(member);
            } catch (InterruptedIOException canceled) {
                if (member.reason == null) { // nobody here did that: the scheduler stops
                    member.reason = "the server ends";
                    closing = true;
                }
            } finally {
                leave(member);
                connection.timeout(GOODBYE);
            }
            member.writeLast("* " + (member.reason == null ? "bye" : member.reason));
        } catch (IOException gone) {
            // The peer is not there any more, and now the connection is not either.
        }
    }

    private void converse(Member member) throws IOException {
        member.send("* your name?");
        for (String line; member.reason == null && (line = nextLine(member)) != null; ) {
            if (member.name == null) {
                introduce(member, line);
            } else if (line.equals("/quit")) {
                return;
            } else if (line.startsWith("/")) {
                obey(member, line);
            } else if (!line.isEmpty()) {
                tell(member, member.name + ": " + line);
            }
            Strands.yield(); // so that what was said goes out before more is read
        }
    }

    /** Null when there are no more. */
    private static String nextLine(Member member) throws IOException {
        for (;;) {
            try {
                String line = member.connection.readLine();
                member.heardNs = System.nanoTime();
                if (line == null || line.length() <= LONGEST_LINE) {
                    return line;
                }
            } catch (LineTooLongException e) {
                // Of more than a mebibyte: the library has left it out already.
            }
            member.send("* too long, and not sent");
        }
    }

    private void introduce(Member member, String name) {
        if (mayHave(member, name)) {
            member.name = name;
            member.room = "lobby";
            member.send("* welcome, " + name + ": " + HELP);
            tell(member, "* " + name + " has come");
        }
    }

    private void obey(Member member, String line) {
        String[] words = line.split(" ", 2);
        String argument = words.length == 2 ? words[1] : "";
        switch (words[0]) {
            case "/join" -> join(member, argument);
            case "/nick" -> rename(member, argument);
            case "/who" -> member.send("* in " + member.room + ": " + members.stream()
                    .filter(other -> member.room.equals(other.room))
                    .map(other -> other.name)
                    .collect(Collectors.joining(", ")));
            default -> member.send("* " + HELP);
        }
    }

    private void join(Member member, String room) {
        if (!room.matches(NAME)) {
            member.send("* a room's name is 1 to 20 letters, digits, - and _");
            return;
        }
        tell(member, "* " + member.name + " has gone to " + room);
        member.room = room;
        member.send("* you are in " + room);
        tell(member, "* " + member.name + " has come");
    }

    private void rename(Member member, String name) {
        if (mayHave(member, name)) {
            tell(member, "* " + member.name + " is now " + name);
            member.name = name;
            member.send("* you are now " + name);
        }
    }

    private boolean mayHave(Member member, String name) {
        if (!name.matches(NAME)) {
            member.send("* a name is 1 to 20 letters, digits, - and _");
        } else if (named(name) != null) {
            member.send("* " + name + " is taken");
        } else {
            return true;
        }
        return false;
    }

    private void leave(Member member) {
        members.remove(member);
        if (member.name != null && !closing) {
            tell(member, "* " + member.name + " has gone");
        }
    }

    // ---- The server ----------------------------------------------------------------------------

    private void listen(String address) {
        try (LineServer server = LineServer.listen(address)) {
            System.err.println("listening on " + server.address());
            Strands.spawn("clock", this::dismissTheSilent);
            for (;;) {
                LineStream connection = server.accept();
                Strands.spawn("guest", () -> serve(connection));
            }
        } catch (InterruptedIOException | RejectedExecutionException stop) {
            // Every strand is told, this one too.
        } catch (IOException e) {
            System.err.println("chat: " + e.getMessage());
            status = FAILED;
            scheduler.stop();
        }
    }

    /** Looks four times in the time that one may be silent. */
    private void dismissTheSilent() {
        try {
            for (;;) {
                Strands.sleep(idle.dividedBy(4));
                long nowNs = System.nanoTime();
                for (Member member : members) {
                    if (nowNs - member.heardNs >= idle.toNanos()) {
                        member.dismiss("you were silent for too long");
                    }
                }
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts it", e);
        }
    }

    // ---- The program ---------------------------------------------------------------------------

    private static int run(String address, Duration idle) {
        try (Scheduler scheduler = Scheduler.open()) {
            Chat chat = new Chat(scheduler, idle);
            scheduler.spawn("listener", () -> chat.listen(address));
            scheduler.run();
            return chat.status;
        }
    }

    public static void main(String[] words) {
        boolean timed = words.length >= 2 && words[0].equals("--idle");
        int first = timed ? 2 : 0;
        String seconds = timed ? words[1] : "300";
        String address = words.length > first ? words[first] : "127.0.0.1:7000";
        if (words.length > first + 1 || address.startsWith("-")
                || !seconds.matches("[1-9][0-9]{0,5}")) {
            System.err.println("usage: chat [--idle SECONDS] [ADDRESS]");
            System.exit(WRONG_USE);
        }
        int status = run(address, Duration.ofSeconds(Long.parseLong(seconds)));
        if (status != 0) {
            System.exit(status);
        }
    }
}
