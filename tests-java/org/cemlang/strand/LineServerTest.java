// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class LineServerTest {
    private static void echoTo(Support.Crew crew, String address, int lines) {
        AtomicReference<LineServer> server = new AtomicReference<>();
        crew.spawn("server", () -> {
            server.set(LineServer.listen(address));
            try (LineServer listening = server.get(); LineStream peer = listening.accept()) {
                String line;
                while ((line = peer.readLine()) != null) {
                    peer.writeLine(line);
                }
            }
        });
        crew.spawn("client", () -> {
            while (server.get() == null) {
                Strands.yield();     // its name is being looked up
            }
            try (LineStream peer = LineStream.connect(server.get().address())) {
                for (int i = 0; i < lines; i++) {
                    peer.writeLine("line " + i);
                    assertEquals("line " + i, peer.readLine());
                }
            }
        });
        crew.run();
    }

    @Test
    void shouldServeOverIpv4() {
        try (Support.Crew crew = new Support.Crew()) {
            echoTo(crew, "127.0.0.1:0", 100);
        }
    }

    @Test
    void shouldServeOverAUnixSocket(@TempDir Path folder) {
        try (Support.Crew crew = new Support.Crew()) {
            echoTo(crew, "unix:" + folder.resolve("socket"), 10);
        }
    }

    @Test
    void shouldNameThePortThatZeroBecame() {
        Support.inStrand(() -> {
            try (LineServer server = LineServer.listen("127.0.0.1:0")) {
                assertTrue(server.address().startsWith("127.0.0.1:"), server.address());
                assertTrue(!server.address().endsWith(":0"), server.address());
            }
            return true;
        });
    }

    @Test
    void shouldConnectToAName() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<LineServer> server = new AtomicReference<>();
            crew.spawn("server", () -> {
                server.set(LineServer.listen("127.0.0.1:0"));
                try (LineServer listening = server.get(); LineStream peer = listening.accept()) {
                    peer.writeLine("found");
                }
            });
            crew.spawn("client", () -> {
                String address = server.get().address().replace("127.0.0.1", "localhost");
                try (LineStream peer = LineStream.connect(address)) {
                    assertEquals("found", peer.readLine());
                }
            });
            crew.run();
        }
    }

    /** RFC 6761: no host is ever in "invalid". */
    @Test
    void shouldNameTheHostThatIsNone() {
        String longest = ("x".repeat(48) + ".").repeat(5) + "invalid.";
        assertEquals(253, longest.length());
        for (String name : new String[] {"no-such-host.invalid", longest}) {
            assertNamesNoHost(name + ":1", LineStream::connect);
        }
    }

    private interface Use {
        AutoCloseable open(String address) throws IOException;
    }

    /** Skips outside the strand: in it, that would be a failure of the strand's. */
    private static void assertNamesNoHost(String address, Use use) {
        IOException thrown = Support.inStrand(
                () -> assertThrows(IOException.class, () -> use.open(address)));
        assertTrue(thrown.getMessage().startsWith(address + ": "), thrown.getMessage());
        assumeFalse(thrown.getMessage().endsWith(": Network is unreachable"),
                "no name server answers");
        assertInstanceOf(UnknownHostException.class, thrown);
    }

    @Test
    void shouldListenAtAName() {
        try (Support.Crew crew = new Support.Crew()) {
            echoTo(crew, "localhost:0", 10);
        }
    }

    @Test
    void shouldNameTheHostThatNobodyCanListenAt() {
        assertNamesNoHost("no-such-host.invalid:0", LineServer::listen);
    }

    /** The name may be found before the strand would wait, and then the interrupt stays. */
    private static InterruptedIOException interruptedLookup() throws IOException {
        InterruptedIOException ended = null;
        for (int i = 0; i < 100 && ended == null; i++) {
            Thread.currentThread().interrupt();
            try {
                LineServer.listen("localhost:0").close();
            } catch (InterruptedIOException interrupted) {
                ended = interrupted;
            }
            assertEquals(ended == null, Thread.interrupted());
        }
        return ended;
    }

    @Test
    void shouldStopLookingUpANameWhenInterrupted() {
        Support.inStrand(() -> {
            assertEquals("localhost:0: interrupted", interruptedLookup().getMessage());
            LineServer.listen("localhost:0").close();
            return true;
        });
    }

    /** What it has given up would be why it waits, or the name, once found, what wakes it. */
    @Test
    void shouldParkForSomethingElseAfterAnInterruptedLookup() {
        Support.onlyMounted();
        AtomicReference<Thread> parked = new AtomicReference<>();
        AtomicReference<String> dump = new AtomicReference<>();
        try (Support.Crew crew = new Support.Crew()) {
            crew.spawn("parked", () -> {
                interruptedLookup();
                parked.set(Thread.currentThread());
                while (dump.get() == null) {
                    LockSupport.park();
                }
            });
            crew.spawn("dumper", () -> {
                dump.set(crew.scheduler.dump());
                LockSupport.unpark(parked.get());
            });
            crew.run();
        }
        assertTrue(dump.get().contains(" \"parked\" hosted parked\n"), dump.get());
    }

    /** Looking it up takes a strand that parks. */
    @Test
    void shouldRefuseANameOutsideAStrand() {
        IOException thrown = assertThrows(IOException.class, () -> LineServer.listen("localhost:0"));
        assertTrue(thrown.getMessage().startsWith("localhost:0: "), thrown.getMessage());
    }

    /** How many may connect before anyone accepts, twenty at most. */
    private static int waiting(LineServer server) throws IOException {
        List<LineStream> peers = new ArrayList<>();
        try {
            while (peers.size() < 20) {
                peers.add(LineStream.connect(server.address(), Duration.ofMillis(50)));
            }
        } catch (SocketTimeoutException full) {
            // as it should be
        }
        for (LineStream peer : peers) {
            peer.close();
        }
        return peers.size();
    }

    @Test
    void shouldLetNoMoreConnectionsWaitThanItsBacklog(@TempDir Path folder) {
        Support.inStrand(() -> {
            try (LineServer few = LineServer.listen("unix:" + folder.resolve("few"), 2);
                    LineServer many = LineServer.listen("unix:" + folder.resolve("many"), 0)) {
                int fit = waiting(few);
                assertTrue(fit == 2 || fit == 3, "backlog 2 lets " + fit + " wait");
                assertEquals(20, waiting(many));
            }
            return true;
        });
    }

    @Test
    void shouldPassItsBacklogOnOutsideAStrandToo(@TempDir Path folder) throws Exception {
        try (LineServer few = LineServer.listen("unix:" + folder.resolve("few"), 2)) {
            AtomicReference<Integer> fit = new AtomicReference<>();
            Strands.spawn(Support.body(() -> fit.set(waiting(few))));
            Strands.run();
            assertTrue(fit.get() == 2 || fit.get() == 3, "backlog 2 lets " + fit + " wait");
        }
    }

    @Test
    void shouldRefuseANegativeBacklog() {
        assertThrows(IllegalArgumentException.class, () -> LineServer.listen("127.0.0.1:0", -1));
    }

    @Test
    void shouldNameTheAddressThatCannotBeHad() {
        Support.inStrand(() -> {
            try (LineServer server = LineServer.listen("127.0.0.1:0")) {
                for (String bad : new String[] {"nonsense", "127.0.0.1:70000",
                        server.address(), "x".repeat(1_000), "127.0.0.1:0\0"}) {
                    IOException thrown =
                            assertThrows(IOException.class, () -> LineServer.listen(bad));
                    assertTrue(thrown.getMessage().startsWith(bad), thrown.getMessage());
                }
            }
            return true;
        });
    }

    @Test
    void shouldNameTheAddressThatRefuses() {
        Support.inStrand(() -> {
            String free;
            try (LineServer server = LineServer.listen("127.0.0.1:0")) {
                free = server.address();
            }
            IOException refused =
                    assertThrows(IOException.class, () -> LineStream.connect(free));
            assertTrue(refused.getMessage().startsWith(free), refused.getMessage());
            return true;
        });
    }

    @Test
    void shouldSeeTheEndOfAPeer() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<LineServer> server = new AtomicReference<>();
            crew.spawn("server", () -> {
                server.set(LineServer.listen("127.0.0.1:0"));
                try (LineStream peer = server.get().accept()) {
                    assertEquals("last, without newline", peer.readLine());
                    assertEquals(LineStream.Ending.NONE, peer.ending());
                    assertNull(peer.readLine());
                }
                server.get().close();
            });
            crew.spawn("client", () -> {
                try (LineStream peer = LineStream.connect(server.get().address())) {
                    peer.write("last, without newline");
                }
            });
            crew.run();
        }
    }

    @Test
    void shouldWakeAcceptWhenClosed() {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<LineServer> server = new AtomicReference<>();
            crew.spawn("acceptor", () -> {
                server.set(LineServer.listen("127.0.0.1:0"));
                IOException closed =
                        assertThrows(IOException.class, () -> server.get().accept());
                assertTrue(closed.getMessage().endsWith("closed"), closed.getMessage());
            });
            crew.spawn("closer", () -> server.get().close());
            crew.run();
        }
    }

    @Test
    void shouldEndAcceptByCancelAndByInterrupt() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<Thread> thread = new AtomicReference<>();
            Strand acceptor = crew.spawn("acceptor", () -> {
                try (LineServer server = LineServer.listen("127.0.0.1:0")) {
                    assertThrows(InterruptedIOException.class, server::accept);
                    thread.set(Thread.currentThread());
                    assertThrows(InterruptedIOException.class, server::accept);
                }
            });
            crew.spawn("canceler", acceptor::cancel);
            Thread interrupter = new Thread(Support.body(() -> {
                Support.until(() -> thread.get() != null);
                thread.get().interrupt();
            }));
            interrupter.start();
            crew.run();
            interrupter.join();
        }
    }

    @Test
    void shouldLetTheNextOneInWhenAnAcceptIsInterrupted() throws Exception {
        try (Support.Crew crew = new Support.Crew()) {
            AtomicReference<LineServer> server = new AtomicReference<>();
            AtomicReference<Thread> thread = new AtomicReference<>();
            StringBuilder order = new StringBuilder();
            crew.spawn("interrupted", () -> {
                server.set(LineServer.listen("127.0.0.1:0"));
                thread.set(Thread.currentThread());
                assertThrows(InterruptedIOException.class, () -> server.get().accept());
                order.append("interrupted ");
                LineStream.connect(server.get().address()).close();
            });
            crew.spawn("next", () -> {
                server.get().accept().close();
                order.append("accepted");
                server.get().close();
            });
            Thread interrupter = new Thread(Support.body(() -> {
                Support.until(() -> crew.scheduler.stats().parked() == 2);
                thread.get().interrupt();
            }));
            interrupter.start();
            crew.run();
            interrupter.join();
            assertEquals("interrupted accepted", order.toString());
        }
    }

    @Test
    void shouldBeMadeAndClosedOutsideWhileNothingRuns() throws Exception {
        LineServer server = LineServer.listen("127.0.0.1:0");
        Strands.spawn(Support.body(() -> LineStream.connect(server.address()).close()));
        AtomicReference<Boolean> accepted = new AtomicReference<>(false);
        Strands.spawn(Support.body(() -> {
            server.accept().close();
            accepted.set(true);
        }));
        Strands.run();
        server.close();
        server.close();
        assertTrue(accepted.get());
    }
}
