// SPDX-License-Identifier: Apache-2.0
// What an untrusted peer can do to a server built on streams, and where it ends: docs/threats.md. The
// floods of lines and of bytes, and what idle peers cost, are in overload_test.
#include "counted_memory.h"
#include "stream_fixture.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

namespace {

constexpr size_t KIB = 1024;

class Threat : public StreamTest {
protected:
    static strand_listener *listen_at(std::string *name, const char *address = "127.0.0.1:0")
    {
        char text[128];
        strand_listener *listener = nullptr;
        EXPECT_EQ(strand_listen(address, 0, &listener), 0);
        EXPECT_EQ(strand_listener_address(listener, text, sizeof text), 0);
        *name = text;
        return listener;
    }

    static strand_stream *connect_to(const std::string &name)
    {
        strand_stream *stream = nullptr;
        EXPECT_EQ(strand_connect(name.c_str(), STRAND_FOREVER, &stream), 0);
        return stream;
    }

    static Ends make_tcp()
    {
        sockaddr_in address{};
        socklen_t length = sizeof address;
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
        EXPECT_EQ(listen(listener, 1), 0);
        EXPECT_EQ(getsockname(listener, reinterpret_cast<sockaddr *>(&address), &length), 0);
        EXPECT_EQ(connect(one, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
        int other = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        close(listener);
        return {one, other};
    }

    static std::set<int> open_descriptors()
    {
        std::set<int> all;
        DIR *entries = opendir("/proc/self/fd");
        while (dirent *entry = readdir(entries))
            if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(entries))
                all.insert(atoi(entry->d_name));
        closedir(entries);
        return all;
    }
};

// ---- Slow peers ---------------------------------------------------------------------------------

// A deadline is a time, not a pause: bytes that come in between do not put it off.
TEST_F(Threat, shouldEndAtItsDeadlineWhateverTheBytesThatTrickleIn)
{
    Ends sockets = make_sockets();
    bool over = false;
    spawn([&] {
        strand_stream *in = open_stream(sockets.read);
        strand_set_deadline(in, strand_now_ns() + 20 * MS);
        EXPECT_EQ(line_of(in), "-ETIMEDOUT");
        over = true;
        strand_close(in);
    });
    spawn([&] {
        while (!over) {
            put(sockets.write, "x");
            strand_sleep(MS / 10);
        }
    });
    EXPECT_EQ(run(), 0);
    close(sockets.write);
}

TEST_F(Threat, shouldHoldBoundedMemoryForLinesThatAreNeverEnded)
{
    constexpr int peers = 100;
    constexpr size_t limit = 16 * KIB;
    std::vector<Ends> all;
    std::vector<strand_id> readers;
    size_t before = counted.live;
    for (int i = 0; i < peers; i++) {
        Ends sockets = make_sockets();
        put(sockets.write, std::string(limit, 'x'));
        all.push_back(sockets);
        readers.push_back(spawn([this, sockets] {
            strand_stream *in = open_stream(sockets.read, limit);
            EXPECT_EQ(line_of(in), "-ECANCELED");
            strand_close(in);
        }));
    }
    spawn([&] {
        while (stats().parked < peers)
            strand_yield();
        if (counts_memory) {
            EXPECT_LT((counted.live - before) / peers, 80 * KIB) << "one buffer, whatever the limit";
        }
        for (strand_id reader : readers)
            strand_cancel(reader);
    });
    EXPECT_EQ(run(), 0);
    for (Ends ends : all)
        close(ends.write);
}

TEST_F(Threat, shouldTakeAnAcceptedConnectionsLimitFromTheNextLineOn)
{
    std::string name;
    spawn([&] {
        strand_listener *listener = listen_at(&name);
        strand_stream *peer = connect_to(name), *in = nullptr;
        EXPECT_EQ(strand_accept(listener, STRAND_FOREVER, &in), 0);
        EXPECT_EQ(strand_set_max_line(in, 10), 0);
        EXPECT_EQ(strand_set_max_line(nullptr, 10), -EINVAL);
        EXPECT_EQ(put_bytes(peer, "0123456789\n0123456789x\n" + std::string(100, 'x') + "\n"), 124);
        EXPECT_EQ(strand_flush(peer), 0);
        EXPECT_EQ(line_of(in), "0123456789\n");
        EXPECT_EQ(line_of(in), "-E2BIG");
        EXPECT_EQ(strand_set_max_line(in, 0), 0);
        EXPECT_EQ(line_of(in), std::string(100, 'x') + "\n");
        strand_close(in);
        strand_close(peer);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Threat, shouldCloseByItsDeadlineThoughThePeerReadsNothing)
{
    Ends sockets = make_narrow();
    std::set<int> before = open_descriptors();
    spawn([&] {
        strand_stream *out = open_stream(sockets.write);
        EXPECT_EQ(put_bytes(out, std::string(60 * KIB, 'x')), ssize_t(60 * KIB));
        strand_set_deadline(out, strand_now_ns() + MS);
        EXPECT_EQ(strand_close(out), -ETIMEDOUT);
        EXPECT_EQ(open_descriptors().size(), before.size() - 1);
    });
    EXPECT_EQ(run(), 0);
    close(sockets.read);
}

TEST_F(Threat, shouldStopWithinItsGraceThoughPeersReadNothing)
{
    strand_scheduler_options options{};
    options.size = sizeof options;
    options.grace_ns = 100 * MS;      // time for it to come as far as its close
    ASSERT_EQ(strand_scheduler_shutdown(scheduler), 0);
    ASSERT_EQ(strand_scheduler_init(&options, &scheduler), 0);
    Ends sockets = make_narrow();
    auto never_ends = [](void *fd) {      // and owns nothing that would be lost with it
        static const char text[KIB] = {};
        strand_stream *out = open_stream(*static_cast<int *>(fd));
        while (strand_write(out, text, sizeof text) > 0)
            continue;      // until it is cancelled
        strand_close(out);      // which waits for the peer
    };
    ASSERT_EQ(strand_spawn(scheduler, never_ends, &sockets.write, nullptr), 0);
    spawn([&] {
        strand_yield();
        strand_scheduler_stop(scheduler);
    });
    testing::internal::CaptureStderr();
    EXPECT_EQ(run(), 0);
    std::string told = testing::internal::GetCapturedStderr();
    EXPECT_NE(told.find("room for output"), std::string::npos) << told;
    close(sockets.read);
}

// ---- Many peers ---------------------------------------------------------------------------------

// A strand a connection, and no more of them than max_strands: the rest are let go, and a place that
// comes free is given again.
TEST_F(Threat, shouldTurnConnectionsAwayAtTheLimitOfStrands)
{
    constexpr int most = 10, clients = 50;
    strand_scheduler_options options{};
    options.size = sizeof options;
    options.max_strands = most + 2;      // the server's and the clients'
    ASSERT_EQ(strand_scheduler_shutdown(scheduler), 0);
    ASSERT_EQ(strand_scheduler_init(&options, &scheduler), 0);
    std::string name;
    strand_listener *listener = nullptr;
    strand_id server = spawn([&] {
        listener = listen_at(&name);
        strand_stream *stream;
        while (strand_accept(listener, STRAND_FOREVER, &stream) == 0) {
            auto serve = [](void *given) {
                auto *in = static_cast<strand_stream *>(given);
                strand_line line{};
                line.size = sizeof line;
                while (strand_read_line(in, &line) == 1)
                    strand_write_line(in, line.text, line.length);
                strand_close(in);
            };
            if (strand_spawn(nullptr, serve, stream, nullptr) == -EAGAIN)
                strand_close(stream);
        }
        strand_listener_close(listener);
    });
    spawn([&] {
        while (name.empty())
            strand_yield();
        auto answered = [&](strand_stream *stream) {
            return put_line(stream, "x") == 0 && line_of(stream) == "x\n";
        };
        std::vector<strand_stream *> streams;
        int served = 0;
        for (int i = 0; i < clients; i++) {
            streams.push_back(connect_to(name));
            served += answered(streams.back());
        }
        EXPECT_EQ(served, most);
        for (strand_stream *stream : streams)
            strand_close(stream);
        while (stats().live > 2)
            strand_yield();
        strand_stream *late = connect_to(name);
        EXPECT_TRUE(answered(late)) << "there is room again";
        strand_close(late);
        strand_cancel(server);
    });
    EXPECT_EQ(run(), 0);
}

// Connections that are reset before they are accepted: each is met as an error, no more.
TEST_F(Threat, shouldLeaveOthersTheirTurnAmongConnectionsThatAreReset)
{
    constexpr int connections = 2000;
    std::string name;
    int accepted = 0, at_last_turn = 0, most = 0;
    strand_id server = spawn([&] {
        strand_listener *listener = listen_at(&name);
        strand_stream *stream;
        while (strand_accept(listener, STRAND_FOREVER, &stream) == 0) {
            accepted++;
            EXPECT_NE(line_of(stream), "x\n");
            strand_close(stream);
        }
        strand_listener_close(listener);
    });
    spawn([&] {
        while (accepted < connections) {
            strand_yield();
            most = std::max(most, accepted - at_last_turn);
            at_last_turn = accepted;
        }
        strand_cancel(server);
    });
    spawn([&] {
        while (name.empty())
            strand_yield();
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(uint16_t(std::stoi(name.substr(name.rfind(':') + 1))));
        for (int i = 0; i < connections; i++) {
            int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            linger reset = {1, 0};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
            close(fd);
            if (i % 500 == 499)      // as many wait at once
                strand_yield();
        }
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(accepted, connections);
    EXPECT_LE(most, 65) << "CONNECTIONS_SHARE";
}

// ---- What else comes in -------------------------------------------------------------------------

TEST_F(Threat, shouldReadOnBehindAFloodOfUrgentData)
{
    Ends tcp = make_tcp();
    int turns = 0;
    bool done = false;
    spawn([&] {
        strand_stream *in = open_stream(tcp.read);
        std::string line = line_of(in);
        EXPECT_EQ(line.substr(std::max(line.size(), size_t(5)) - 5), "line\n");
        EXPECT_EQ(line_of(in), "next\n");
        done = true;
        strand_close(in);
    });
    spawn([&] {
        while (!done) {
            strand_sleep(1);
            turns++;
        }
    });
    spawn([&] {
        for (int i = 0; i < 1000; i++) {
            EXPECT_EQ(send(tcp.write, "!", 1, MSG_OOB), 1);
            if (i % 10 == 0)
                strand_yield();
        }
        put(tcp.write, "line\nnext\n");
    });
    EXPECT_EQ(run(), 0);
    EXPECT_GT(turns, 0);
    close(tcp.write);
}

// All kinds that the library opens: its loop, listeners, connections, a terminal anew, duplicates.
TEST_F(Threat, shouldHandNoDescriptorOnToAProgramThatIsStarted)
{
    Ends terminal = make_terminal(), sockets = make_sockets();
    std::set<int> before = open_descriptors(), kept;
    strand_scheduler *mine = nullptr;
    ASSERT_EQ(strand_scheduler_init(nullptr, &mine), 0);
    spawn_on(mine, [&] {
        std::string name;
        strand_listener *listener = listen_at(&name);
        strand_stream *to = connect_to(name), *from = nullptr, *typed = open_stream(terminal.read);
        strand_stream *one = open_stream(sockets.read), *same = open_stream(sockets.read, 0, true);
        EXPECT_EQ(strand_accept(listener, STRAND_FOREVER, &from), 0);
        for (strand_stream *in : {to, from, typed, one, same}) {
            strand_set_deadline(in, strand_now_ns() + MS);
            EXPECT_EQ(line_of(in), "-ETIMEDOUT");
        }
        int made = 0;
        for (int fd : open_descriptors())
            if (before.count(fd) == 0 && ++made && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
                kept.insert(fd);
        EXPECT_GE(made, 7);
        for (strand_stream *stream : {to, from, typed, same, one})
            strand_close(stream);
        strand_listener_close(listener);
    });
    EXPECT_EQ(strand_scheduler_run(mine), 0);
    EXPECT_EQ(strand_scheduler_shutdown(mine), 0);
    EXPECT_EQ(kept, std::set<int>{});
    close(terminal.write);
    close(sockets.write);
}

TEST_F(Threat, shouldTakeNoDescriptorThatAPeerPasses)
{
    Ends sockets = make_sockets();
    std::set<int> before = open_descriptors();
    char text[] = "with descriptors\n";
    iovec part = {text, sizeof text - 1};
    alignas(cmsghdr) char space[CMSG_SPACE(3 * sizeof(int))] = {};
    int given[3] = {sockets.write, sockets.write, sockets.write};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = space;
    message.msg_controllen = sizeof space;
    cmsghdr *passed = CMSG_FIRSTHDR(&message);
    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof given);
    memcpy(CMSG_DATA(passed), given, sizeof given);
    ASSERT_GT(sendmsg(sockets.write, &message, 0), 0);
    spawn([&] {
        strand_stream *in = open_stream(sockets.read);
        EXPECT_EQ(line_of(in), "with descriptors\n");
        EXPECT_EQ(open_descriptors(), before);
        strand_close(in);
    });
    EXPECT_EQ(run(), 0);
    close(sockets.write);
}

} // namespace
