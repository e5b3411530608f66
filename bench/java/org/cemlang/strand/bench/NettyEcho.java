// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand.bench;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.handler.codec.string.LineEncoder;
import io.netty.handler.codec.string.LineSeparator;
import io.netty.handler.codec.string.StringDecoder;
import io.netty.util.Version;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/**
 * Netty on its native epoll, with one event loop for all, and flushed when the input is drained. A
 * line is a slice of the bytes that came, with its newline; or, on wish, a string, as ours is.
 */
final class NettyEcho {
    private static final int LINE_BYTES = 1024 * 1024;
    private static final int BACKLOG = 4096;

    private NettyEcho() {}

    static void run(boolean strings) throws InterruptedException {
        EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        Channel server = new ServerBootstrap().group(loop)
                .channel(EpollServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childHandler(new Lines(strings))
                .bind("127.0.0.1", 0).sync().channel();
        EchoServer.printPort(((InetSocketAddress) server.localAddress()).getPort());
        server.closeFuture().sync();
    }

    static String version() {
        return Version.identify().get("netty-common").artifactVersion();
    }

    private static final class Lines extends ChannelInitializer<SocketChannel> {
        private final boolean strings;

        Lines(boolean strings) {
            this.strings = strings;
        }

        @Override
        protected void initChannel(SocketChannel peer) {
            ChannelPipeline pipeline = peer.pipeline();
            pipeline.addLast(new LineBasedFrameDecoder(LINE_BYTES, strings, false));
            if (strings) {
                pipeline.addLast(new StringDecoder(StandardCharsets.UTF_8),
                        new LineEncoder(LineSeparator.UNIX, StandardCharsets.UTF_8));
            }
            pipeline.addLast(GIVE_BACK);
        }
    }

    private static final ChannelHandler GIVE_BACK = new GiveBack();

    @ChannelHandler.Sharable
    private static final class GiveBack extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext context, Object line) {
            context.write(line, context.voidPromise());
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext context) {
            context.flush();
        }
    }
}
