// SPDX-License-Identifier: Apache-2.0
// The life of strands, from spawn to join, and of schedulers: through the public header.
#include "scheduler_fixture.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

namespace {

constexpr int64_t MS = 1000000;

class Life : public SchedulerTest {};

// That of the build, or of another build's library, on which script/lib/check-abi runs this program.
const char *context_expected()
{
    const char *other = getenv("STRAND_TEST_CONTEXT");
    return other ? other : STRAND_TEST_CONTEXT;
}

TEST_F(Life, shouldJoinWithTheResult)
{
    static int value;
    spawn([this] {
        void *result = nullptr;
        strand_id child = spawn([] {
            strand_yield();
            strand_exit(&value);
        });
        EXPECT_EQ(strand_join(child, STRAND_FOREVER, &result), 0);
        EXPECT_EQ(result, &value);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Life, shouldKeepAResultForTheFirstLateJoin)
{
    static int value;
    spawn([this] {
        void *result = nullptr;
        strand_id child = spawn([] { strand_exit(&value); });
        strand_yield();
        EXPECT_EQ(strand_join(child, STRAND_FOREVER, &result), 0);
        EXPECT_EQ(result, &value);
        EXPECT_EQ(strand_join(child, STRAND_FOREVER, &result), 0);
        EXPECT_EQ(result, nullptr);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Life, shouldServeAnyNumberOfJoinersInTheirOrder)
{
    static int value;
    strand_id child = spawn([] {
        strand_yield();
        strand_exit(&value);
    });
    for (char letter = 'A'; letter <= 'D'; letter++)
        spawn([this, letter, child] {
            void *result = nullptr;
            EXPECT_EQ(strand_join(child, STRAND_FOREVER, &result), 0);
            EXPECT_EQ(result, &value);
            order += letter;
        });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ABCD");
}

TEST_F(Life, shouldRefuseToJoinItselfAndStrangers)
{
    spawn([] {
        EXPECT_EQ(strand_join(strand_self(), STRAND_FOREVER, nullptr), -EDEADLK);
        EXPECT_EQ(strand_join(0, STRAND_FOREVER, nullptr), -ESRCH);
        EXPECT_EQ(strand_join(strand_self() + (strand_id{9} << 32), 0, nullptr), -ESRCH);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Life, shouldTimeOutAndCancelAJoin)
{
    strand_id sleeper = spawn([] { EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0); });
    spawn([=] {
        EXPECT_EQ(strand_join(sleeper, strand_now_ns() + MS, nullptr), -ETIMEDOUT);
        strand_cancel(strand_self());
        EXPECT_EQ(strand_join(sleeper, STRAND_FOREVER, nullptr), -ECANCELED);
        EXPECT_EQ(strand_wake(sleeper), 0);
        EXPECT_EQ(strand_join(sleeper, STRAND_FOREVER, nullptr), 0);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Life, shouldRunDefersInReverseHoweverItEnds)
{
    static std::string *log;
    log = &order;
    auto defers = [] {
        for (const char *letter : {"1", "2", "3"})
            strand_defer([](void *text) { *log += static_cast<const char *>(text); },
                         const_cast<char *>(letter));
    };
    spawn([defers] { defers(); });
    spawn([defers] {
        defers();
        strand_exit(nullptr);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "321321");
}

TEST_F(Life, shouldParkInADeferWithoutBeingCancelled)
{
    spawn([] {
        strand_defer([](void *) { EXPECT_EQ(strand_sleep(MS), 0); }, nullptr);
        strand_cancel(strand_self());
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Life, shouldKeepLocalsOfEachStrandAndDestroyThem)
{
    static int destroyed;
    destroyed = 0;
    strand_key key;
    ASSERT_EQ(strand_key_create([](void *) { destroyed++; }, &key), 0);
    static int values[3];
    for (int &value : values)
        spawn([&value, key] {
            EXPECT_EQ(strand_local(key), nullptr);
            EXPECT_EQ(strand_set_local(key, &value), 0);
            strand_yield();
            EXPECT_EQ(strand_local(key), &value);
        });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(destroyed, 3);
}

TEST_F(Life, shouldRunTheDefersOfALocalsDestructor)
{
    static std::string *log;
    log = &order;
    strand_key key;
    auto destroy = [](void *) {
        *log += 'l';
        EXPECT_EQ(strand_defer([](void *) { *log += 'd'; }, nullptr), 0);
    };
    ASSERT_EQ(strand_key_create(destroy, &key), 0);
    spawn([key] { EXPECT_EQ(strand_set_local(key, log), 0); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ld");
}

TEST_F(Life, shouldRefuseStrandCallsOutsideAStrand)
{
    strand_key key;
    ASSERT_EQ(strand_key_create(nullptr, &key), 0);
    EXPECT_EQ(strand_self(), 0u);
    EXPECT_EQ(strand_park("test", 0), -EPERM);
    EXPECT_EQ(strand_sleep(1), -EPERM);
    EXPECT_EQ(strand_join(1, 0, nullptr), -EPERM);
    EXPECT_EQ(strand_defer([](void *) {}, nullptr), -EPERM);
    EXPECT_EQ(strand_set_local(key, &key), -EPERM);
    EXPECT_EQ(strand_local(key), nullptr);
    EXPECT_EQ(strand_wait_fd(0, POLLIN, 0), -EPERM);
    EXPECT_EQ(strand_call_on_carrier([](void *) {}, nullptr), -EPERM);
    EXPECT_EQ(strand_spawn(nullptr, [](void *) {}, nullptr, nullptr), -EPERM);
    EXPECT_EQ(strand_stack_remaining(), 0u);
    strand_yield();
}

TEST_F(Life, shouldCallOnTheCarriersOwnStack)
{
    struct Seen {
        char *frame;
        strand_id self;
        int parked, spawned;
        std::string *order;
    } seen{};
    seen.order = &order;
    spawn([&] {
        auto *here = static_cast<char *>(__builtin_frame_address(0));
        order += 'a';
        EXPECT_EQ(strand_call_on_carrier(
                      [](void *argument) {
                          auto *seen = static_cast<Seen *>(argument);
                          seen->frame = static_cast<char *>(__builtin_frame_address(0));
                          seen->self = strand_self();
                          seen->parked = strand_park("test", 0);
                          seen->spawned = strand_spawn(
                              nullptr, [](void *text) { *static_cast<std::string *>(text) += 'c'; },
                              seen->order, nullptr);
                      },
                      &seen),
                  0);
        order += 'b';
        EXPECT_GT(std::abs(seen.frame - here), 64 * 1024);
    });
    auto *mine = static_cast<char *>(__builtin_frame_address(0));
    EXPECT_EQ(run(), 0);
    EXPECT_LT(std::abs(seen.frame - mine), 64 * 1024);
    EXPECT_EQ(seen.self, 0u);
    EXPECT_EQ(seen.parked, -EPERM);
    EXPECT_EQ(seen.spawned, 0);
    EXPECT_EQ(order, "abc");
}

TEST_F(Life, shouldWaitForADescriptor)
{
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    spawn([&] {
        EXPECT_EQ(strand_wait_fd(ends[0], POLLIN, strand_now_ns() + MS), -ETIMEDOUT);
        EXPECT_EQ(strand_wait_fd(ends[0], POLLIN, STRAND_FOREVER), POLLIN);
        EXPECT_EQ(strand_wait_fd(ends[1], POLLOUT, STRAND_FOREVER), POLLOUT);
        EXPECT_EQ(strand_wait_fd(ends[0], 0, STRAND_FOREVER), -EINVAL);
        EXPECT_EQ(strand_wait_fd(-1, POLLIN, STRAND_FOREVER), -EBADF);
        order += 'r';
    });
    spawn([&] {
        EXPECT_EQ(strand_sleep(3 * MS), 0);
        order += 'w';
        EXPECT_EQ(write(ends[1], "x", 1), 1);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "wr");
    close(ends[0]);
    close(ends[1]);
}

TEST_F(Life, shouldLetTwoStrandsWaitForOneDescriptor)
{
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    for (char letter : {'a', 'b'})
        spawn([&, letter] {
            EXPECT_EQ(strand_wait_fd(ends[0], POLLIN, STRAND_FOREVER), POLLIN);
            order += letter;
        });
    spawn([&] { EXPECT_EQ(write(ends[1], "x", 1), 1); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order.size(), 2u);      // in the kernel's order, whichever that is
    close(ends[0]);
    close(ends[1]);
}

TEST_F(Life, shouldCountStrandsByState)
{
    strand_id parked = spawn([] { strand_park("test", STRAND_FOREVER); });
    spawn([&] {
        strand_yield();
        auto now = stats();
        EXPECT_EQ(now.live, 2u);
        EXPECT_EQ(now.parked, 1u);
        EXPECT_EQ(now.spawned, 2u);
        EXPECT_EQ(now.stacks_live, 2u);
        strand_wake(parked);
    });
    EXPECT_EQ(run(), 0);
    auto after = stats();
    EXPECT_EQ(after.live, 0u);
    EXPECT_EQ(after.finished, 2u);
    EXPECT_EQ(after.wakes, 1u);
    EXPECT_EQ(after.stacks_live, 0u);
    EXPECT_GE(after.stacks_pooled, 2u);
    EXPECT_STREQ(after.loop, STRAND_TEST_LOOP);
    EXPECT_STREQ(after.context, context_expected());
}

TEST_F(Life, shouldRefuseRunInsideAStrandAndShutdownWhileRunning)
{
    spawn([this] {
        EXPECT_EQ(strand_scheduler_run(scheduler), -EPERM);
        EXPECT_EQ(strand_scheduler_shutdown(scheduler), -EBUSY);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Life, shouldGiveTheChildOfAForkAnError)
{
    spawn([this] {
        pid_t child = fork();
        if (child == 0) {
            bool refused = strand_park("test", 0) == -EPERM && strand_self() == 0 &&
                           strand_scheduler_run(scheduler) == -EPERM;
            _exit(refused ? 42 : 1);
        }
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Life, shouldNotLetTheChildOfAForkTouchTheParentsLoop)
{
    pid_t child = fork();
    if (child == 0)
        _exit(strand_scheduler_shutdown(scheduler) == -EPERM ? 42 : 1);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

TEST_F(Life, shouldRefuseMoreThanTheMostStrands)
{
    strand_scheduler_options options{};
    options.size = sizeof options;
    options.max_strands = 2;
    strand_scheduler *small;
    ASSERT_EQ(strand_scheduler_init(&options, &small), 0);
    for (int i = 0; i < 2; i++)
        EXPECT_EQ(strand_spawn(small, [](void *) {}, nullptr, nullptr), 0);
    EXPECT_EQ(strand_spawn(small, [](void *) {}, nullptr, nullptr), -EAGAIN);
    EXPECT_EQ(strand_scheduler_run(small), 0);
    EXPECT_EQ(strand_spawn(small, [](void *) {}, nullptr, nullptr), 0);
    EXPECT_EQ(strand_scheduler_shutdown(small), 0);
}

TEST_F(Life, shouldRefuseAbsurdArguments)
{
    strand_options options{};
    EXPECT_EQ(strand_spawn(scheduler, nullptr, nullptr, nullptr), -EINVAL);
    EXPECT_EQ(strand_spawn_with(scheduler, &options, [](void *) {}, nullptr, nullptr), -EINVAL);
    options.size = sizeof options;
    options.stack_bytes = SIZE_MAX;
    EXPECT_EQ(strand_spawn_with(scheduler, &options, [](void *) {}, nullptr, nullptr), -EINVAL);
    EXPECT_EQ(strand_scheduler_run(nullptr), -EPERM);
    EXPECT_EQ(strand_scheduler_shutdown(nullptr), -EINVAL);
    EXPECT_EQ(stats().live, 0u);
}

TEST(InitTest, shouldRefuseBadOptionsAndLeaveNothingBehind)
{
    strand_scheduler *s = nullptr;
    strand_scheduler_options options{};
    EXPECT_EQ(strand_scheduler_init(nullptr, nullptr), -EINVAL);
    EXPECT_EQ(strand_scheduler_init(&options, &s), -EINVAL);
    options.size = sizeof options;
    options.stack_bytes = SIZE_MAX;
    EXPECT_EQ(strand_scheduler_init(&options, &s), -EINVAL);
    options.stack_bytes = 0;
    options.guards = static_cast<strand_guards>(9);
    EXPECT_EQ(strand_scheduler_init(&options, &s), -EINVAL);
    EXPECT_EQ(s, nullptr);
}

TEST(InitTest, shouldTellItsVersion)
{
    EXPECT_STREQ(strand_version(), STRAND_TEST_VERSION);
}

}  // namespace
