// SPDX-License-Identifier: Apache-2.0
// Hosted strands for which there is no memory: what the failure test, whose strands are native, leaves
// out.
#include "failing_calls.h"
#include "stream_fixture.h"

extern "C" {
#include "ahead_probe.h"
#include "hosted_probe.h"
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
    auto spawn_refused = [&] {
        failing.refuse(Calls::Memory, 1, true, ENOMEM);
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

struct HostedLife {
    unsigned long refused;
    int begun, status;
    uint64_t finished, live;
};

// The n-th call for memory is refused, and those after it too. All that begin come to their end.
HostedLife live_hosted(unsigned long n, bool for_ever)
{
    char log[512] = "";
    strand_scheduler *s;
    EXPECT_EQ(strand_scheduler_init(nullptr, &s), 0);
    probe_host *host = probe_host_create(s, log);
    HostedLife life{};
    failing.refuse(n ? Calls::Memory : Calls::None, n, for_ever, ENOMEM);
    for (const char *script : {"ysf", "sjf", "jwyf", "cisf", "wjf", "yyycf"}) {
        uint64_t id = probe_host_add(host, "x", script);
        if (id && probe_host_ready(id) == 0)
            life.begun++;
    }
    int unparks;
    life.status = probe_host_run(host, &unparks);
    life.refused = failing.stop();
    struct strand_scheduler_stats stats{};
    stats.size = sizeof stats;
    EXPECT_EQ(strand_scheduler_stats(s, &stats), 0);
    life.finished = stats.finished;
    life.live = stats.live;
    EXPECT_EQ(strand_scheduler_shutdown(s), 0);
    probe_host_destroy(host);
    return life;
}

TEST(HostedLives, shouldComeToTheirEndWhateverMemoryIsRefused)
{
    HostedLife whole = live_hosted(0, false);
    long kept = failing.blocks;
    EXPECT_EQ(whole.begun, 6);
    EXPECT_EQ(whole.finished, 8u);
    for (bool for_ever : {false, true}) {
        HostedLife life{};
        unsigned long n = 0;
        do {
            SCOPED_TRACE(++n);
            life = live_hosted(n, for_ever);
            EXPECT_EQ(life.status, 0);
            EXPECT_EQ(life.live, 0u);
            EXPECT_GE(life.finished, static_cast<uint64_t>(life.begun));
            EXPECT_EQ(failing.blocks, kept);
        } while (life.refused > 0 && !HasFailure());
        EXPECT_GT(n, 5u) << "something was to be refused";
    }
}

} // namespace
