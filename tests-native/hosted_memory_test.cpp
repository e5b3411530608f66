// SPDX-License-Identifier: Apache-2.0
// Hosted strands for which there is no memory: what the failure test, whose strands are native, leaves
// out.
#include "failing_calls.h"
#include "stream_fixture.h"

extern "C" {
#include "ahead_probe.h"
}

namespace {

class HostedMemory : public StreamTest {};

// It has never waited: for that it needs memory of its own.
TEST_F(HostedMemory, shouldSendWhatWasAcceptedThoughACloseCannotWait)
{
    Ends sockets = make_narrow();
    std::string text(50000, 'x');
    ahead_probe *probe = ahead_probe_begin(scheduler, sockets.write);
    ASSERT_EQ(ahead_probe_write(probe, 0, text.c_str()), 0);
    failing.refuse(Calls::Memory, 1, true, ENOMEM);
    int status = ahead_probe_close(probe, 0);
    failing.stop();
    EXPECT_EQ(status, -ENOMEM);
    size_t received = 0;
    while (ahead_probe_unsent(probe) > 0) {
        char bytes[4096];
        ssize_t count = recv(sockets.read, bytes, sizeof bytes, MSG_DONTWAIT);
        received += count > 0 ? static_cast<size_t>(count) : 0;
        ahead_probe_yield(probe);
    }
    received += read_all(sockets.read).size();
    EXPECT_EQ(received, text.size() + 1);
    EXPECT_EQ(ahead_probe_end(probe), 0);
}

TEST_F(HostedMemory, shouldKeepNothingOfASpawnThatFindsNoEntry)
{
    Ends sockets = make_sockets();
    ahead_probe *probe = ahead_probe_begin(scheduler, sockets.read);
    auto spawn_refused = [&] {      // a slab and its blocks are to be had, no more
        failing.refuse(Calls::Memory, 3, true, ENOMEM);
        int status = ahead_probe_spawn(probe);
        failing.stop();
        return status;
    };
    int status;
    while ((status = spawn_refused()) == 0)      // the table grows by 16,384 entries
        continue;
    EXPECT_EQ(status, -ENOMEM);
    long before = failing.blocks;
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(spawn_refused(), -ENOMEM);
    EXPECT_EQ(failing.blocks, before);
    EXPECT_EQ(ahead_probe_end(probe), 0);
    close(sockets.write);
}

} // namespace
