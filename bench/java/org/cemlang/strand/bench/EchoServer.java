// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import java.io.IOException;
import org.cemlang.strand.Strands;

/**
 * The servers of group {@code echo-java}: {@code java -Dbench.system=SYSTEM … EchoServer} prints
 * the port it listens on, on 127.0.0.1, and gives back each line until it is killed.
 */
public final class EchoServer {
    private EchoServer() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        String system = System.getProperty("bench.system");
        if (arguments.length == 1 && arguments[0].equals("version")) {
            System.out.println(version(system));
            return;
        }
        switch (system) {
            case "strand-java", "strand-java-17", "strand-java-baton" ->
                    StrandEcho.run(StrandEcho::serveStrings);
            case "strand-java-bytes" -> StrandEcho.run(StrandEcho::serveBytes);
            case "netty-epoll" -> NettyEcho.run(false);
            case "netty-epoll-strings" -> NettyEcho.run(true);
            case "jdk-virtual" -> VirtualEcho.run();
            default -> throw new IllegalArgumentException("bench.system: " + system);
        }
    }

    private static String version(String system) {
        String jdk = "JDK " + System.getProperty("java.version");
        if (system.startsWith("netty")) {
            return "Netty " + NettyEcho.version() + ", " + jdk;
        }
        return system.startsWith("strand") ? jdk + ", " + Strands.engine() : jdk;
    }

    static void printPort(int port) {
        System.out.println(port);
        System.out.flush();
    }
}
