// SPDX-License-Identifier: Apache-2.0
// Listeners, connections, and many of both at once: cpp/io/listener and connect.
#include "environment.h"
#include "stream_fixture.h"

#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace {

class Listener : public StreamTest {
protected:
    static std::string name_of(strand_listener *listener)
    {
        char text[128];
        EXPECT_EQ(strand_listener_address(listener, text, sizeof text), 0);
        return text;
    }

    static strand_listener *listen_on(const std::string &address, int backlog = 0)
    {
        strand_listener *listener = nullptr;
        EXPECT_EQ(strand_listen(address.c_str(), backlog, &listener), 0) << address;
        return listener;
    }

    static strand_stream *connect_to(const std::string &address)
    {
        strand_stream *stream = nullptr;
        EXPECT_EQ(strand_connect(address.c_str(), STRAND_FOREVER, &stream), 0) << address;
        return stream;
    }

    static strand_stream *accept_from(strand_listener *listener)
    {
        strand_stream *stream = nullptr;
        EXPECT_EQ(strand_accept(listener, STRAND_FOREVER, &stream), 0);
        return stream;
    }

    static int lowest_free()
    {
        int fd = dup(0);
        close(fd);
        return fd;
    }

    static std::string unix_path()
    {
        return "/tmp/strand-test-" + std::to_string(getpid()) + ".socket";
    }

    // One question and one answer over a connection to `address`.
    void talk(const std::string &address)
    {
        spawn([this, address] {
            strand_listener *listener = listen_on(address);
            std::string name = name_of(listener);
            strand_id server = spawn([this, listener] {
                strand_stream *stream = accept_from(listener);
                order += line_of(stream);
                put_line(stream, "answer");
                strand_close(stream);
            });
            strand_stream *stream = connect_to(name);
            put_line(stream, "question");
            order += line_of(stream);
            strand_close(stream);
            strand_join(server, STRAND_FOREVER, nullptr);
            EXPECT_EQ(strand_listener_close(listener), 0);
        });
        EXPECT_EQ(run(), 0);
        EXPECT_EQ(order, "question\nanswer\n");
    }
};

TEST_F(Listener, shouldTalkOverIpv4) { talk("127.0.0.1:0"); }
TEST_F(Listener, shouldTalkOverIpv6) { talk("[::1]:0"); }

TEST_F(Listener, shouldTalkOverAUnixSocketAndRemoveItsFile)
{
    talk("unix:" + unix_path());
    EXPECT_NE(access(unix_path().c_str(), F_OK), 0);
}

// What the umask leaves is not asked: a process has one, and it is its owner's to set.
TEST_F(Listener, shouldMakeTheFileOfAUnixSocketForItsOwnerAlone)
{
    std::string path = unix_path();
    mode_t before = umask(0);
    spawn([&] {
        strand_listener *listener = listen_on("unix:" + path);
        struct stat file{};
        EXPECT_EQ(lstat(path.c_str(), &file), 0);
        EXPECT_EQ(file.st_mode, mode_t(S_IFSOCK | S_IRUSR | S_IWUSR));
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
    umask(before);
}

TEST_F(Listener, shouldNameItsAddress)
{
    spawn([&] {
        for (const char *address : {"127.0.0.1:0", "[::1]:0"}) {
            strand_listener *listener = listen_on(address);
            std::string name = name_of(listener), prefix(address, strlen(address) - 1);
            EXPECT_EQ(name.substr(0, prefix.size()), prefix);
            EXPECT_GT(std::stoi(name.substr(prefix.size())), 0);
            char small[8];
            EXPECT_EQ(strand_listener_address(listener, small, sizeof small), -ENOSPC);
            EXPECT_EQ(strand_listener_close(listener), 0);
        }
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Listener, shouldRefuseWhatIsNoAddress)
{
    spawn([&] {
        strand_listener *listener = nullptr;
        strand_stream *stream = nullptr;
        for (const char *address :
             {"", "7000", ":7000", "localhost", "localhost:", "localhost:x", "a..b:1", ".a:1",
              "a b:1", "a/b:1", "1.2.3:1", "7:1", "a.1:1", "127.0.0.1", "127.0.0.1:",
              "127.0.0.1:65536",
              "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:7x", "127.0.0.1.1:1",
              "::1:7000", "[::1]", "[::1]7000", "[::1:7000", "[127.0.0.1]:1", "[fe80::1%]:1",
              "unix:", "tcp:127.0.0.1:1"}) {
            EXPECT_EQ(strand_listen(address, 0, &listener), -EINVAL) << address;
            EXPECT_EQ(strand_connect(address, STRAND_FOREVER, &stream), -EINVAL) << address;
        }
        EXPECT_EQ(strand_listen(nullptr, 0, &listener), -EINVAL);
        EXPECT_EQ(strand_listen(("unix:/" + std::string(200, 'x')).c_str(), 0, &listener),
                  -ENAMETOOLONG);
        EXPECT_EQ(strand_listen("192.0.2.1:1", 0, &listener), -EADDRNOTAVAIL);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Listener, shouldRefuseAnAddressInUse)
{
    spawn([&] {
        strand_listener *first = listen_on("127.0.0.1:0"), *second = nullptr;
        EXPECT_EQ(strand_listen(name_of(first).c_str(), 0, &second), -EADDRINUSE);
        strand_listener_close(first);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Listener, shouldReplaceAStaleUnixSocketButNoLiveOneAndNoOtherFile)
{
    std::string path = unix_path(), address = "unix:" + path;
    spawn([&] {
        strand_listener *listener = nullptr, *other = nullptr;
        int file = open(path.c_str(), O_CREAT | O_WRONLY, 0600);
        EXPECT_EQ(strand_listen(address.c_str(), 0, &listener), -EADDRINUSE);
        EXPECT_EQ(unlink(path.c_str()), 0) << "an ordinary file stays";
        close(file);

        sockaddr_un stale{};
        stale.sun_family = AF_UNIX;
        strcpy(stale.sun_path, path.c_str());
        int left = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(bind(left, reinterpret_cast<sockaddr *>(&stale), sizeof stale), 0);
        close(left);
        listener = listen_on(address);
        EXPECT_EQ(strand_listen(address.c_str(), 0, &other), -EADDRINUSE);
        EXPECT_EQ(strand_listener_close(listener), 0);
        EXPECT_NE(access(path.c_str(), F_OK), 0);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Listener, shouldServeAcceptingStrandsInTheOrderTheyCame)
{
    strand_listener *listener = nullptr;
    for (char name = 'A'; name <= 'C'; name++)
        spawn([&, name] {
            if (!listener)
                listener = listen_on("127.0.0.1:0");
            strand_stream *stream = accept_from(listener);
            order += name + line_of(stream);
            strand_close(stream);
        });
    spawn([&] {
        for (int i = 1; i <= 3; i++) {
            strand_stream *stream = connect_to(name_of(listener));
            put_line(stream, std::to_string(i));
            strand_close(stream);
        }
        while (stats().live > 1)
            strand_sleep(1);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "A1\nB2\nC3\n");
}

TEST_F(Listener, shouldWakeAcceptingStrandsWhenItIsClosed)
{
    strand_listener *listener = nullptr;
    for (int i = 0; i < 3; i++)
        spawn([&] {
            strand_stream *stream = nullptr;
            if (!listener)
                listener = listen_on("127.0.0.1:0");
            EXPECT_EQ(strand_accept(listener, STRAND_FOREVER, &stream), -EBADF);
            order += 'x';
        });
    spawn([&] {
        strand_sleep(1);
        strand_listener_close(listener);
        order += '.';
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, ".xxx");
}

TEST_F(Listener, shouldNotBeClosedByAStrandOfAnotherScheduler)
{
    strand_listener *listener = nullptr;
    spawn([&] { listener = listen_on("127.0.0.1:0"); });
    EXPECT_EQ(run(), 0);
    strand_scheduler *second;
    ASSERT_EQ(strand_scheduler_init(nullptr, &second), 0);
    spawn_on(second, [&] { EXPECT_EQ(strand_listener_close(listener), -EPERM); });
    EXPECT_EQ(strand_scheduler_run(second), 0);
    EXPECT_EQ(strand_scheduler_shutdown(second), 0);
    spawn([&] {
        std::string name = name_of(listener);
        spawn([name] { strand_close(connect_to(name)); });
        strand_close(accept_from(listener));
        EXPECT_EQ(strand_listener_close(listener), 0);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Listener, shouldEndAnAcceptAtItsDeadlineAndOnCancel)
{
    strand_id acceptor = spawn([&] {
        strand_stream *stream = nullptr;
        strand_listener *listener = listen_on("127.0.0.1:0");
        EXPECT_EQ(strand_accept(listener, 0, &stream), -ETIMEDOUT);
        EXPECT_EQ(strand_accept(listener, strand_now_ns() + 2 * MS, &stream), -ETIMEDOUT);
        strand_stream *client = connect_to(name_of(listener));
        EXPECT_EQ(strand_accept(listener, 0, &stream), 0) << "a past deadline tries once";
        strand_close(client);
        strand_close(stream);
        order += 'c';
        EXPECT_EQ(strand_accept(listener, STRAND_FOREVER, &stream), -ECANCELED);
        strand_listener_close(listener);
    });
    spawn([&] {
        while (order.empty())
            strand_sleep(1);
        strand_cancel(acceptor);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Listener, shouldBackOffWithoutDescriptorsAndRecover)
{
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    spawn([&] {
        strand_listener *listener = listen_on("127.0.0.1:0");
        strand_stream *client = connect_to(name_of(listener));
        rlimit none = {static_cast<rlim_t>(lowest_free()), before.rlim_max};
        ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
        spawn([&] {
            while (stats().accept_backoffs < 2)
                strand_sleep(1);
            order += 'b';
            EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
        });
        strand_stream *server = accept_from(listener);
        order += 'a';
        for (strand_stream *stream : {client, server})
            strand_close(stream);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ba");
    EXPECT_LT(stats().accept_backoffs, 10u) << "it pauses, it does not spin";
}

TEST_F(Listener, shouldReportARefusedConnection)
{
    spawn([&] {
        strand_listener *listener = listen_on("127.0.0.1:0");
        std::string name = name_of(listener);
        strand_listener_close(listener);
        strand_stream *stream = nullptr;
        EXPECT_EQ(strand_connect(name.c_str(), STRAND_FOREVER, &stream), -ECONNREFUSED);
        name = "unix:" + unix_path();
        EXPECT_EQ(strand_connect(name.c_str(), STRAND_FOREVER, &stream), -ENOENT);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Listener, shouldWaitForAFreePlaceUntilTheDeadline)
{
    spawn([&] {
        std::string address = "unix:" + unix_path();
        strand_listener *listener = listen_on(address, 1);
        std::vector<strand_stream *> streams;
        strand_stream *stream = nullptr;
        while (strand_connect(address.c_str(), strand_now_ns() + 20 * MS, &stream) == 0)
            streams.push_back(stream);
        EXPECT_EQ(strand_connect(address.c_str(), strand_now_ns(), &stream), -ETIMEDOUT);
        spawn([&] {
            streams.push_back(accept_from(listener));
            order += 'a';
        });
        streams.push_back(connect_to(address));
        order += 'c';
        for (strand_stream *each : streams)
            strand_close(each);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ac");
}

// The kernel drops what does not fit into the queue, and tries again after a second.
TEST_F(Listener, shouldWaitForAConnectionThatTakesItsTime)
{
    spawn([&] {
        strand_listener *listener = listen_on("127.0.0.1:0", 1);
        std::string address = name_of(listener);
        std::vector<strand_stream *> streams;
        strand_stream *stream = nullptr;
        int status, free;
        do {
            free = lowest_free();
            status = strand_connect(address.c_str(), strand_now_ns() + 20 * MS, &stream);
            if (status == 0)
                streams.push_back(stream);
        } while (status == 0);
        EXPECT_EQ(status, -ETIMEDOUT);
        EXPECT_EQ(lowest_free(), free) << "what was given up is closed";
        strand_id connecting = spawn([&, address] {
            EXPECT_EQ(strand_connect(address.c_str(), STRAND_FOREVER, &stream), -ECANCELED);
        });
        strand_yield();
        strand_cancel(connecting);
        spawn([&] {
            for (size_t i = streams.size(); i > 0; i--)
                strand_close(accept_from(listener));
            order += 'a';
        });
        streams.push_back(connect_to(address));
        order += 'c';
        for (strand_stream *each : streams)
            strand_close(each);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ac");
}

TEST_F(Listener, shouldReleaseWhatIsOpenAtShutdown)
{
    std::string path = unix_path();
    spawn([&] {
        strand_listener *listener = listen_on("unix:" + path);
        connect_to("unix:" + path);
        put_line(accept_from(listener), "never read");
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(strand_scheduler_shutdown(scheduler), 0);
    scheduler = nullptr;
    EXPECT_NE(access(path.c_str(), F_OK), 0);
}

class Many : public Listener {};

// 1,000 strands do 1,000 lines each over pipes, 1,000 over TCP through an echo, all at once. On TCP
// with some lines in flight: a round trip a line would be the kernel's time, not ours.
TEST_F(Many, shouldLoseAndMixNothing)
{
    constexpr int strands = 1000, in_flight = 20;
    const int lines = emulated() ? 20 : 1000;   // else it would take minutes
    allow_descriptors(5000);
    strand_listener *listener = nullptr;
    int right = 0, connections = strands;
    auto text = [](const char *kind, int strand, int line) {
        return std::string(kind) + " " + std::to_string(strand) + ":" + std::to_string(line);
    };
    spawn([&] {
        listener = listen_on("127.0.0.1:0");
        for (int i = 0; i < strands; i++) {
            strand_stream *stream = accept_from(listener);
            spawn([stream] {
                for (std::string line; !(line = line_of(stream)).empty();)
                    EXPECT_EQ(put_bytes(stream, line), static_cast<ssize_t>(line.size()));
                EXPECT_EQ(strand_close(stream), 0);
            });
        }
        strand_listener_close(listener);
    });
    for (int i = 0; i < strands; i++) {
        Ends pipe = make_pipe();
        spawn([=] {
            strand_stream *out = open_stream(pipe.write);
            for (int line = 0; line < lines; line++)
                EXPECT_EQ(put_line(out, text("pipe", i, line)), 0);
            EXPECT_EQ(strand_close(out), 0);
        });
        spawn([&, i, pipe] {
            strand_stream *in = open_stream(pipe.read);
            for (int line = 0; line < lines; line++)
                right += line_of(in) == text("pipe", i, line) + "\n";
            EXPECT_EQ(line_of(in), "");
            strand_close(in);
        });
        spawn([&, i] {
            strand_stream *stream = connect_to(name_of(listener));
            for (int line = 0; line < lines; line += in_flight) {
                for (int ahead = line; ahead < line + in_flight; ahead++)
                    EXPECT_EQ(put_line(stream, text("tcp", i, ahead)), 0);
                for (int back = line; back < line + in_flight; back++)
                    right += line_of(stream) == text("tcp", i, back) + "\n";
            }
            EXPECT_EQ(strand_shutdown_write(stream), 0);
            EXPECT_EQ(line_of(stream), "");
            strand_close(stream);
            connections--;
        });
    }
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(right, 2 * strands * lines);
    EXPECT_EQ(connections, 0);
}

} // namespace
