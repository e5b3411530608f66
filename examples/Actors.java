// SPDX-License-Identifier: Apache-2.0

import java.time.Duration;
import org.cemlang.strand.Strand;
import org.cemlang.strand.Strands;

/**
 * Actors: strands that share nothing and send each other messages. They stand in a ring; a token
 * goes round it once, and each actor adds its own number to it before it passes it on.
 *
 * <pre>
 * Actors [N]      N actors, by default 500,000; 5,000 on the baton engine, where each has a thread
 * </pre>
 */
public final class Actors {
    private static final int MOUNTED = 500_000;
    private static final int BATON = 5_000;
    private static final int MOST = 10_000_000;
    private static final int A_WHILE = 1_000;
    /** A small ring goes first: what is compiled before it has seen a strand go on after its wait is
     * given up then, once for each strand that waits in it. */
    private static final int FEW = 2_000;

    /** Belongs to the actor in whose mailbox it lies, until that one sends it on. */
    private static final class Message {
        private Message next;
        private long sum;
    }

    /**
     * A queue that only its actor takes from, and waits at while it is empty. No lock guards it:
     * strands take turns, and nothing else runs between two calls that wait.
     */
    private static final class Mailbox {
        private static final Duration FOR_EVER = Duration.ofSeconds(Long.MAX_VALUE);

        private Message first;
        private Message last;
        private Thread waiting;

        void send(Message message) {
            message.next = null;
            if (first == null) {
                first = message;
            } else {
                last.next = message;
            }
            last = message;
            if (waiting != null) {
                waiting.interrupt();
                waiting = null;
            }
        }

        /** The next message, in the order in which they came. */
        Message receive() {
            while (first == null) {
                waiting = Thread.currentThread();
                try {
                    Strands.sleep(FOR_EVER);
                } catch (InterruptedException e) {
                    // What ends the sleep of an actor: there is a message.
                }
            }
            Message message = first;
            first = message.next;
            return message;
        }
    }

    /** An actor's body. */
    private record Actor(int number, Mailbox mine, Mailbox neighbours) implements Runnable {
        @Override
        public void run() {
            Message token = mine.receive();
            token.sum += number;
            neighbours.send(token);
        }
    }

    private final int count;
    private final Mailbox mailbox = new Mailbox();
    private long sum = -1;

    private Actors(int count) {
        this.count = count;
    }

    /** The master sends the token to the first actor and gets it from the last. */
    private void preside() {
        Strand[] actors = new Strand[count];
        int spawned = 0;
        try {
            Mailbox next = mailbox;
            for (int number = count; number > 0; number--) {
                Mailbox mine = new Mailbox();
                actors[spawned] = Strands.spawn(new Actor(number, mine, next));
                spawned++;
                next = mine;
                if (spawned % A_WHILE == 0) {
                    Strands.yield(); // who has much to do lets others in
                }
            }
            next.send(new Message());
            sum = mailbox.receive().sum;
        } finally {
            for (int i = 0; i < spawned && sum < 0; i++) {
                actors[i].cancel(); // it would wait for ever
            }
        }
    }

    private static Actors run(int count) {
        Actors round = new Actors(count);
        Strands.spawn("master", round::preside);
        Strands.run();
        return round;
    }

    public static void main(String[] words) {
        boolean baton = Strands.engine().startsWith("baton");
        int count = words.length == 1 ? numberOf(words[0]) : baton ? BATON : MOUNTED;
        if (words.length > 1 || count < 0) {
            System.err.println("usage: Actors [N], 1 to " + MOST);
            System.exit(2);
        }
        if (count > 10 * FEW) {
            run(FEW);
        }
        long startNs = System.nanoTime();
        Actors round = run(count);
        long tookMs = (System.nanoTime() - startNs) / 1_000_000;
        long wanted = count * (count + 1L) / 2;
        if (round.sum != wanted) {
            System.err.println("actors: the sum is " + round.sum + ", not " + wanted);
            System.exit(1);
        }
        System.out.println(count + " actors, sum " + wanted + ", in " + tookMs + " ms"
                + (baton && words.length == 0 ? " (fewer: on this engine each has a thread)" : ""));
    }

    private static int numberOf(String text) {
        try {
            int number = Integer.parseInt(text);
            return number < 1 || number > MOST ? -1 : number;
        } catch (NumberFormatException e) {
            return -1;
        }
    }
}
