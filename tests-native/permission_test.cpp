// SPDX-License-Identifier: Apache-2.0
// What belongs to others. Root sees no permissions, so that as root each test is a child of another
// user.
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <termios.h>

#include <cstdlib>

#include "child.h"
#include "stream_fixture.h"

namespace {

constexpr uid_t NOBODY = 65534;
constexpr int WELL = 0, ILL = 1;

class Permission : public testing::Test {
protected:
    void SetUp() override
    {
        if (geteuid() != 0)
            GTEST_SKIP() << "not root, which can make what belongs to another";
        char name[] = "/tmp/strand-permission-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        folder = name;
        ASSERT_EQ(chmod(name, 0755), 0);
    }

    void TearDown() override
    {
        if (!folder.empty())
            rmdir(folder.c_str());
    }

    // In a strand of a child that is nobody's.
    static Outcome as_nobody(const std::function<bool()> &body)
    {
        return in_child([&] {
            static const std::function<bool()> *kept;
            kept = &body;
            strand_scheduler *s;
            if (setgroups(0, nullptr) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
                _exit(77);
            strand_scheduler_init(nullptr, &s);
            strand_spawn(s, [](void *) { _exit((*kept)() ? WELL : ILL); }, nullptr, nullptr);
            strand_scheduler_run(s);
        });
    }

    std::string folder;
};

TEST_F(Permission, shouldSayThatAFolderIsNotItsOwnToListenIn)
{
    Outcome outcome = as_nobody([&] {
        strand_listener *listener = nullptr;
        return strand_listen(("unix:" + folder + "/socket").c_str(), 0, &listener) == -EACCES;
    });
    EXPECT_TRUE(outcome.exited_with(WELL)) << outcome;
}

int first_free_port()
{
    int port = 1024;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    if (file && fscanf(file, "%d", &port) != 1)
        port = 1024;
    if (file)
        fclose(file);
    return port;
}

TEST_F(Permission, shouldSayThatAPortIsNotItsOwnToListenOn)
{
    if (first_free_port() <= 1)
        GTEST_SKIP() << "every port is everybody's here (net.ipv4.ip_unprivileged_port_start)";
    Outcome outcome = as_nobody([] {
        strand_listener *listener = nullptr;
        return strand_listen("127.0.0.1:1", 0, &listener) == -EACCES;
    });
    EXPECT_TRUE(outcome.exited_with(WELL)) << outcome;
}

TEST_F(Permission, shouldSayThatASocketIsNotItsOwnToConnectTo)
{
    std::string address = "unix:" + folder + "/socket";
    Outcome server = in_child([&] {
        static std::string where;
        static Outcome client;
        umask(0);      // which the socket does not ask
        where = address;
        strand_scheduler *s;
        strand_scheduler_init(nullptr, &s);
        strand_spawn(s, [](void *) {
            strand_listener *listener = nullptr;
            if (strand_listen(where.c_str(), 0, &listener) != 0)
                _exit(ILL);
            client = as_nobody([] {
                strand_stream *stream = nullptr;
                return strand_connect(where.c_str(), STRAND_FOREVER, &stream) == -EACCES;
            });
            strand_listener_close(listener);
        }, nullptr, nullptr);
        strand_scheduler_run(s);
        _exit(client.exited_with(WELL) ? WELL : ILL);
    });
    EXPECT_TRUE(server.exited_with(WELL)) << server;
}

// It cannot be opened anew, and its flags are not touched: it is asked before each read.
TEST_F(Permission, shouldReadFromATerminalThatIsAnothers)
{
    Ends terminal = make_terminal();
    ASSERT_EQ(fchmod(terminal.read, 0600), 0);
    Outcome outcome = as_nobody([&] {
        strand_stream *in = nullptr;
        strand_line line{};
        line.size = sizeof line;
        char byte;
        if (strand_stream_open(terminal.read, nullptr, &in) != 0)
            return false;
        strand_set_deadline(in, strand_now_ns() + 1);
        bool waits = strand_read(in, &byte, 1) == -ETIMEDOUT;
        strand_set_deadline(in, STRAND_FOREVER);
        put(terminal.write, "typed\n");
        return waits && strand_read_line(in, &line) == 1 && line.length == 5 &&
               (fcntl(terminal.read, F_GETFL) & O_NONBLOCK) == 0;
    });
    EXPECT_TRUE(outcome.exited_with(WELL)) << outcome;
    close(terminal.read);
    close(terminal.write);
}

} // namespace
