// SPDX-License-Identifier: Apache-2.0
// What is read ahead, and lent, for a host's strand: cpp/io/stream_ahead and stream_window.h.
#include "stream_fixture.h"

#include <netinet/in.h>

extern "C" {
#include "ahead_probe.h"
}

namespace {

class Ahead : public StreamTest {
protected:
    void begin(int fd)
    {
        probe = ahead_probe_begin(scheduler, fd);
    }

    // Strand 0 asks, `text` comes, and it is its turn again.
    void turn_with(const std::string &text)
    {
        ASSERT_EQ(ahead_probe_read(probe, 0, &line), -EAGAIN);
        put(peer, text);
        pass();
    }

    // Until strand 0 has the carrier again; the other one has nothing to do.
    void pass()
    {
        while (ahead_probe_park(probe) != 0)
            continue;
    }

    std::string received()
    {
        char bytes[256];
        ssize_t count = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
        return std::string(bytes, static_cast<size_t>(count < 0 ? 0 : count));
    }

    ahead_probe *probe = nullptr;
    strand_line line = {sizeof line, nullptr, 0, STRAND_ENDING_NONE};
    int peer = -1;
};

class AheadOfSocket : public Ahead {
protected:
    void SetUp() override
    {
        Ahead::SetUp();
        Ends sockets = make_sockets();
        peer = sockets.write;
        begin(sockets.read);
    }

    void TearDown() override
    {
        EXPECT_EQ(ahead_probe_end(probe), 0) << "streams with output";
        close(peer);
        Ahead::TearDown();
    }
};

TEST_F(AheadOfSocket, shouldHaveReadTheLineAsTheTurnComes)
{
    turn_with("one\ntwo\n");
    EXPECT_EQ(ahead_probe_waiting_bytes(probe), 8u);
    EXPECT_FALSE(ahead_probe_reads(probe));
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), 1);
    EXPECT_EQ(std::string(line.text, line.length), "one");
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), 1);
    EXPECT_EQ(stats().bytes_in, 8u);
}

TEST_F(AheadOfSocket, shouldGoOnWithAPartOfALine)
{
    turn_with("par");
    EXPECT_EQ(ahead_probe_waiting_bytes(probe), 3u);
    turn_with("tial\n");
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), 1);
    EXPECT_EQ(std::string(line.text, line.length), "partial");
}

TEST_F(AheadOfSocket, shouldTakeTheEmptyBufferBackAsItsStrandParks)
{
    turn_with("one\n");
    ahead_probe_take_all(probe);
    EXPECT_GT(ahead_probe_in_capacity(probe), 0u);
    ahead_probe_nap(probe);
    EXPECT_EQ(ahead_probe_in_capacity(probe), 0u);
}

TEST_F(AheadOfSocket, shouldLendABufferToWhomAnsweredBefore)
{
    turn_with("one\n");
    EXPECT_EQ(ahead_probe_out_capacity(probe), 0u) << "it has never answered";
    ahead_probe_take_all(probe);
    EXPECT_EQ(ahead_probe_write(probe, 0, "1"), 0);
    turn_with("two\n");
    EXPECT_EQ(received(), "1\n");
    EXPECT_GT(ahead_probe_out_capacity(probe), 0u);
    EXPECT_EQ(ahead_probe_unsent(probe), 1u);
    ahead_probe_take_all(probe);
    ahead_probe_add(probe, "2");
    ahead_probe_nap(probe);
    EXPECT_EQ(received(), "2\n");
}

TEST_F(AheadOfSocket, shouldTakeBackWhatItLentInVain)
{
    turn_with("one\n");
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), 1);
    EXPECT_EQ(ahead_probe_write(probe, 0, "1"), 0);
    turn_with("two\n");
    ASSERT_GT(ahead_probe_out_capacity(probe), 0u);
    ahead_probe_nap(probe);
    EXPECT_EQ(ahead_probe_out_capacity(probe), 0u);
    EXPECT_EQ(ahead_probe_unsent(probe), 0u);
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), 1);
    turn_with("three\n");
    EXPECT_EQ(ahead_probe_out_capacity(probe), 0u) << "it does not answer any more";
}

TEST_F(AheadOfSocket, shouldCloseAStreamWithALentBuffer)
{
    turn_with("one\n");
    EXPECT_EQ(ahead_probe_write(probe, 0, "1"), 0);
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), 1);
    turn_with("two\n");
    ASSERT_EQ(ahead_probe_unsent(probe), 1u);
    EXPECT_EQ(ahead_probe_close(probe, 0), 0);
    EXPECT_EQ(ahead_probe_unsent(probe), 0u);
}

TEST_F(AheadOfSocket, shouldNotReadAheadOfAnotherReader)
{
    ASSERT_EQ(ahead_probe_read(probe, 0, &line), -EAGAIN);
    ASSERT_EQ(ahead_probe_park(probe), 1);
    ASSERT_EQ(ahead_probe_read(probe, 1, &line), -EAGAIN) << "queues";
    put(peer, "one\ntwo\n");
    ASSERT_EQ(ahead_probe_park(probe), 0);
    EXPECT_EQ(ahead_probe_waiting_bytes(probe), 0u);
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), 1);
    EXPECT_EQ(std::string(line.text, line.length), "one");
    ahead_probe_nap(probe);
    EXPECT_EQ(ahead_probe_read(probe, 1, &line), 1);
    EXPECT_EQ(std::string(line.text, line.length), "two");
}

TEST_F(AheadOfSocket, shouldLeaveACancelToTheCallThatWouldWait)
{
    ASSERT_EQ(ahead_probe_read(probe, 0, &line), -EAGAIN);
    ahead_probe_cancel(probe, 0);
    put(peer, "one\n");
    pass();
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), 1);
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), -ECANCELED);
}

// Its host cannot run it just then: the turn is over, and another strand's comes before it looks.
TEST_F(AheadOfSocket, shouldKeepAStreamThatIsClosedBeforeItsStrandLooks)
{
    turn_with("one\n");
    EXPECT_EQ(ahead_probe_users(probe), 1u);
    ahead_probe_ready(probe, 1);
    ASSERT_EQ(ahead_probe_park(probe), 1);
    EXPECT_EQ(ahead_probe_close(probe, 1), 0);
    ahead_probe_ready(probe, 0);
    ASSERT_EQ(ahead_probe_park(probe), 0);
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), -EBADF);
}

TEST_F(AheadOfSocket, shouldBeUsedByNobodyOnceItsStrandHasEnded)
{
    turn_with("one\n");
    ahead_probe_take_all(probe);
    ahead_probe_ready(probe, 1);
    ASSERT_EQ(ahead_probe_finish(probe), 1);
    EXPECT_EQ(ahead_probe_users(probe), 0u);
}

TEST_F(AheadOfSocket, shouldTellTheEnd)
{
    ASSERT_EQ(ahead_probe_read(probe, 0, &line), -EAGAIN);
    shutdown(peer, SHUT_WR);
    pass();
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), 0);
}

// A connection that its peer resets: the kernel tells that once, and afterwards the end.
TEST_F(Ahead, shouldKeepTheErrorForTheStep)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr *>(&address), size), 0);
    ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size), 0);
    ASSERT_EQ(listen(listener, 1), 0);
    peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(connect(peer, reinterpret_cast<sockaddr *>(&address), size), 0);
    begin(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_EQ(ahead_probe_read(probe, 0, &line), -EAGAIN);
    linger at_once = {1, 0};
    ASSERT_EQ(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(peer);
    pass();
    EXPECT_EQ(ahead_probe_read(probe, 0, &line), -ECONNRESET);
    EXPECT_EQ(ahead_probe_end(probe), 0);
    close(listener);
}

}  // namespace
