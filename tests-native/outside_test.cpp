// SPDX-License-Identifier: Apache-2.0
// What comes from outside the carrier: other threads, stop, shutdown, deadlock, dumps.
#include "environment.h"
#include "scheduler_fixture.h"

#include <fcntl.h>
#include <poll.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

namespace {

constexpr int64_t MS = 1000000;

class Threads : public SchedulerTest {};
class Stop : public SchedulerTest {};
class Deadlock : public SchedulerTest {};
class Dump : public SchedulerTest {};

// Standard error, caught while `body` runs.
std::string errors_of(const std::function<void()> &body)
{
    testing::internal::CaptureStderr();
    body();
    return testing::internal::GetCapturedStderr();
}

TEST_F(Threads, shouldWakeABareParkFromAThread)
{
    strand_id id = spawn([this] {
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);
        order += 'w';
    });
    std::atomic<bool> parked{false};
    spawn([&] { parked = true; });
    std::thread other([&] {
        while (!parked)
            std::this_thread::yield();
        EXPECT_EQ(strand_wake(id), 0);
    });
    EXPECT_EQ(run(), 0);
    other.join();
    EXPECT_EQ(order, "w");
}

TEST_F(Threads, shouldSpawnFromThreads)
{
    constexpr int THREADS = 4, EACH = 2000;
    int ran = 0;
    std::atomic<int> done{0};
    strand_id keeper = spawn([&] {
        while (done < THREADS)
            EXPECT_EQ(strand_park("threads", STRAND_FOREVER), 0);
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < THREADS; t++)
        threads.emplace_back([&] {
            for (int i = 0; i < EACH; i++)
                spawn([&ran] { ran++; });
            done++;
            EXPECT_EQ(strand_wake(keeper), 0);
        });
    EXPECT_EQ(run(), 0);
    for (auto &thread : threads)
        thread.join();
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(ran, THREADS * EACH);
}

// Blocks that threads build strands on, again and again, are among those that a dump visits.
TEST_F(Threads, shouldBeDumpedWhileThreadsSpawn)
{
    constexpr int THREADS = 3, EACH = 500;
    int ran = 0;
    std::atomic<int> done{0};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    spawn([&] {
        while (done < THREADS) {
            strand_scheduler_dump(scheduler, nowhere);
            strand_yield();
        }
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < THREADS; t++)
        threads.emplace_back([&] {
            for (int i = 0; i < EACH; i++)
                spawn([&ran] { ran++; }, "from a thread");
            done++;
        });
    EXPECT_EQ(run(), 0);
    for (std::thread &thread : threads)
        thread.join();
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(ran, THREADS * EACH);
    close(nowhere);
}

TEST_F(Threads, shouldLoseNoWakeOfManyThreads)
{
    // Ten million; the last hundredth one at a time, so that the carrier is about to sleep at each.
    constexpr int THREADS = 8;
    const int EACH = (sanitized || emulated() ? 200000 : 10000000) / THREADS;
    std::vector<std::atomic<int>> consumed(THREADS);
    std::vector<std::atomic<int>> posted(THREADS);
    strand_id ids[THREADS];
    for (int t = 0; t < THREADS; t++)
        ids[t] = spawn([&, t] {
            for (int seen = 0; seen < EACH; consumed[t] = ++seen)
                while (posted[t] <= seen)
                    EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);
        });
    std::vector<std::thread> threads;
    for (int t = 0; t < THREADS; t++)
        threads.emplace_back([&, t] {
            for (int i = 0; i < EACH; i++) {
                posted[t]++;
                int status = strand_wake(ids[t]);
                EXPECT_TRUE(status == 0 || (status == -ESRCH && i == EACH - 1));
                while (i >= EACH - EACH / 100 && consumed[t] <= i)
                    std::this_thread::yield();
            }
        });
    EXPECT_EQ(run(), 0);
    for (auto &thread : threads)
        thread.join();
}

// What is posted between the carrier's look at the inbox and its sleep comes without a signal, so
// that it looks again. Here a dump too long for its pipe holds it between the two.
TEST_F(Threads, shouldSeeAWakeThatIsPostedBetweenItsLookAndItsSleep)
{
    constexpr int COUNT = 700;
    const std::string reason(200, '.');
    int ends[2], nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    uint64_t polls = 0;
    std::vector<strand_id> ids;
    ASSERT_EQ(pipe(ends), 0);
#ifdef F_SETPIPE_SZ      // its 16 pages are more than the dump where pages are large
    ASSERT_EQ(fcntl(ends[1], F_SETPIPE_SZ, 65536), 65536);
#endif
    for (int i = 0; i < COUNT; i++)
        ids.push_back(spawn([&, i] {
            EXPECT_EQ(strand_park(reason.c_str(), STRAND_FOREVER), 0);
            if (i > 0)
                return;
            EXPECT_EQ(stats().polls, polls) << "it has slept on it";
            for (strand_id id : ids)
                strand_wake(id);
        }));
    std::thread poster([&] {
        while (stats().polls == 0)
            std::this_thread::yield();
        std::thread asker([&] {
            strand_scheduler_dump(scheduler, ends[1]);
            close(ends[1]);
        });
        pollfd begun = {ends[0], POLLIN, 0};
        EXPECT_EQ(poll(&begun, 1, -1), 1);
        polls = stats().polls;
        EXPECT_EQ(strand_wake(ids[0]), 0);
        EXPECT_GT(read_all(ends[0]).size(), 100000u) << "more than a pipe holds";
        asker.join();
        strand_scheduler_dump(scheduler, nowhere);      // a lost wake fails here, and does not hang
    });
    EXPECT_EQ(run(), 0);
    poster.join();
    close(ends[0]);
    close(nowhere);
}

// One whose id nobody was given ends without an atomic operation; but it may give its id away, or
// a dump may print it, and then the end must see what a thread posts at that moment.
TEST_F(Threads, shouldSeeAWakeAtTheEndOfAStrandThatToldItsOwnId)
{
#if defined(__SANITIZE_THREAD__)
    constexpr int ROUNDS = 10, EACH = 100;      // it makes and forgets a stack for each
#else
    constexpr int ROUNDS = 300, EACH = 1000;
#endif
    static std::atomic<strand_id> told;
    static int begun;
    told = 0;
    begun = 0;
    std::atomic<bool> over{false};
    std::thread waker([&over] {
        while (!over)
            strand_wake(told.load(std::memory_order_relaxed));
    });
    spawn([] {
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < EACH; i++) {
                int status = strand_spawn(
                    nullptr,
                    [](void *) {
                        told.store(strand_self(), std::memory_order_relaxed);
                        begun++;
                    },
                    nullptr, nullptr);
                EXPECT_EQ(status, 0);
            }
            strand_yield();
        }
    });
    EXPECT_EQ(run(), 0);
    over = true;
    waker.join();
    EXPECT_EQ(begun, ROUNDS * EACH);
    EXPECT_EQ(run(), 0);      // and nothing is left in the inbox
}

TEST_F(Threads, shouldGiveNoSuchStrandWhenTheSchedulerIsGone)
{
    std::atomic<strand_id> id{0};
    std::atomic<int> step{0};
    std::thread other([&] {
        strand_scheduler *second;
        ASSERT_EQ(strand_scheduler_init(nullptr, &second), 0);
        id = spawn_on(second, [] { EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0); });
        step = 1;
        EXPECT_EQ(strand_scheduler_run(second), 0);
        EXPECT_EQ(strand_scheduler_shutdown(second), 0);
        step = 2;
    });
    spawn([&] {
        while (step < 1)
            strand_yield();
        EXPECT_EQ(strand_wake(id), 0);
        while (step < 2)
            strand_yield();
        EXPECT_EQ(strand_wake(id), -ESRCH);
        EXPECT_EQ(strand_cancel(id), -ESRCH);
    });
    EXPECT_EQ(run(), 0);
    other.join();
}

TEST_F(Threads, shouldShutDownUnderAStormOfWakes)
{
    for (int round = 0; round < 50; round++) {
        strand_scheduler *second;
        ASSERT_EQ(strand_scheduler_init(nullptr, &second), 0);
        std::vector<strand_id> ids;
        for (int i = 0; i < 20; i++)
            ids.push_back(spawn_on(second, [] { strand_park("test", STRAND_FOREVER); }));
        std::atomic<bool> stop{false};
        std::thread storm([&] {
            while (!stop)
                for (strand_id id : ids)
                    strand_wake(id);
        });
        EXPECT_EQ(strand_scheduler_run(second), 0);
        EXPECT_EQ(strand_scheduler_shutdown(second), 0);
        stop = true;
        storm.join();
    }
}

TEST_F(Threads, shouldJoinAStrandOfAnotherScheduler)
{
    static int value;
    std::atomic<strand_id> id{0};
    std::atomic<bool> joined{false};
    std::thread other([&] {
        strand_scheduler *second;
        ASSERT_EQ(strand_scheduler_init(nullptr, &second), 0);
        id = spawn_on(second, [] {
            EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0);
            strand_exit(&value);
        });
        EXPECT_EQ(strand_scheduler_run(second), 0);
        while (!joined)
            std::this_thread::yield();
        EXPECT_EQ(strand_scheduler_shutdown(second), 0);
    });
    spawn([&] {
        while (!id)
            strand_yield();
        void *result = nullptr;
        EXPECT_EQ(strand_join(id, strand_now_ns() + MS, &result), -ETIMEDOUT);
        spawn([&] { EXPECT_EQ(strand_wake(id), 0); });
        EXPECT_EQ(strand_join(id, STRAND_FOREVER, &result), 0);
        EXPECT_EQ(result, &value);
        EXPECT_EQ(strand_join(id, STRAND_FOREVER, &result), 0);
        EXPECT_EQ(result, nullptr);      // the first join took it
        joined = true;
    });
    EXPECT_EQ(run(), 0);
    other.join();
}

TEST_F(Stop, shouldCancelEveryStrandAndReturn)
{
    for (int i = 0; i < 3; i++)
        spawn([this] {
            EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED);
            order += 'c';
        });
    spawn([this] { EXPECT_EQ(strand_scheduler_stop(scheduler), 0); });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "ccc");
}

TEST_F(Stop, shouldMeetAStopThatCameBeforeRun)
{
    spawn([this] {
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED);
        order += 'c';
    });
    EXPECT_EQ(strand_scheduler_stop(scheduler), 0);
    EXPECT_EQ(strand_spawn(scheduler, [](void *) {}, nullptr, nullptr), -ECANCELED);
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "c");
    spawn([this] { order += 'd'; });      // it has run its course
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "cd");
}

TEST_F(Stop, shouldStopFromASignalHandler)
{
    static strand_scheduler *target;
    target = scheduler;
    signal(SIGUSR1, [](int) { strand_scheduler_stop(target); });
    spawn([] { EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED); });
    spawn([] { raise(SIGUSR1); });
    EXPECT_EQ(run(), 0);
    signal(SIGUSR1, SIG_DFL);
}

TEST_F(Stop, shouldStopStrandsThatOnlyYield)
{
    std::atomic<bool> going{true};
    spawn([&] {
        while (going)
            strand_yield();
    });
    spawn([&] {
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED);
        going = false;
    });
    std::thread other([this] { strand_scheduler_stop(scheduler); });
    EXPECT_EQ(run(), 0);
    other.join();
}

TEST_F(Stop, shouldDumpByNameWhatWouldNotEnd)
{
    strand_scheduler_options options{};
    options.size = sizeof options;
    options.grace_ns = 20 * MS;
    strand_scheduler *stubborn;
    ASSERT_EQ(strand_scheduler_init(&options, &stubborn), 0);
    strand_options named{};
    named.size = sizeof named;
    named.name = "stubborn one";
    ASSERT_EQ(strand_spawn_with(
                  stubborn, &named,
                  [](void *) {
                      for (;;)
                          strand_park("for ever", STRAND_FOREVER);
                  },
                  nullptr, nullptr),
              0);
    ASSERT_EQ(strand_scheduler_stop(stubborn), 0);
    std::string text = errors_of([&] { EXPECT_EQ(strand_scheduler_run(stubborn), 0); });
    EXPECT_NE(text.find("\"stubborn one\""), std::string::npos) << text;
    EXPECT_NE(text.find("for ever"), std::string::npos) << text;
    errors_of([&] { EXPECT_EQ(strand_scheduler_shutdown(stubborn), 0); });
}

TEST_F(Stop, shouldEndTheJoinsOfWhatIsLeftBehind)
{
    strand_scheduler_options options{};
    options.size = sizeof options;
    options.grace_ns = 1;
    strand_scheduler *second;
    ASSERT_EQ(strand_scheduler_init(&options, &second), 0);
    strand_id stubborn;
    auto body = [](void *) {
        for (;;)
            strand_park("for ever", STRAND_FOREVER);
    };
    ASSERT_EQ(strand_spawn(second, body, nullptr, &stubborn), 0);
    spawn([&] { EXPECT_EQ(strand_join(stubborn, strand_now_ns() + 10000 * MS, nullptr), 0); });
    spawn([&] {      // the join waits by now
        std::thread other([&] { errors_of([&] { strand_scheduler_shutdown(second); }); });
        other.join();
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Stop, shouldEndWhatNeverRanAtShutdown)
{
    strand_scheduler *second;
    ASSERT_EQ(strand_scheduler_init(nullptr, &second), 0);
    strand_id id = spawn_on(second, [this] {
        order += 'r';
        EXPECT_EQ(strand_park("test", STRAND_FOREVER), -ECANCELED);
    });
    EXPECT_EQ(strand_scheduler_shutdown(second), 0);
    EXPECT_EQ(order, "r");
    EXPECT_EQ(strand_wake(id), -ESRCH);
}

TEST_F(Stop, shouldChangeNothingWhenAStrandMayNotShutAnotherSchedulerDown)
{
    strand_scheduler *second;
    ASSERT_EQ(strand_scheduler_init(nullptr, &second), 0);
    spawn_on(second, [] { EXPECT_EQ(strand_sleep(1), 0); });
    spawn([=] { EXPECT_EQ(strand_scheduler_shutdown(second), -EPERM); });
    EXPECT_EQ(run(), 0);
    spawn_on(second, [this] { order += 'r'; });
    EXPECT_EQ(strand_scheduler_run(second), 0);
    EXPECT_EQ(order, "r");
    EXPECT_EQ(strand_scheduler_shutdown(second), 0);
}

TEST_F(Deadlock, shouldRefuseTwoStrandsThatJoinEachOther)
{
    strand_id first = 0, second = 0;
    first = spawn([&] { EXPECT_EQ(strand_join(second, STRAND_FOREVER, nullptr), -ECANCELED); },
                  "Romeo");
    second = spawn([&] { EXPECT_EQ(strand_join(first, STRAND_FOREVER, nullptr), 0); }, "Juliet");
    std::string text = errors_of([this] { EXPECT_EQ(run(), -EDEADLK); });
    EXPECT_NE(text.find("\"Romeo\""), std::string::npos) << text;
    EXPECT_NE(text.find("\"Juliet\""), std::string::npos) << text;
    EXPECT_EQ(strand_cancel(first), 0);
    EXPECT_EQ(run(), 0);
}

TEST_F(Deadlock, shouldWaitWhileABareParkRemains)
{
    strand_id parked = spawn([] { EXPECT_EQ(strand_park("test", STRAND_FOREVER), 0); });
    spawn([=] { EXPECT_EQ(strand_join(parked, STRAND_FOREVER, nullptr), 0); });
    std::thread other([=] { EXPECT_EQ(strand_wake(parked), 0); });
    EXPECT_EQ(run(), 0);
    other.join();
}

TEST_F(Dump, shouldNameEveryStrandAndWhyItIsParked)
{
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    strand_id parked = spawn([] { strand_park("waiting for Godot", STRAND_FOREVER); }, "Vladimir");
    spawn([&] {
        strand_yield();
        strand_scheduler_dump(nullptr, ends[1]);
        strand_wake(parked);
    }, "Lucky");
    EXPECT_EQ(run(), 0);
    close(ends[1]);
    std::string text = read_all(ends[0]);
    close(ends[0]);
    EXPECT_NE(text.find("\"Vladimir\" native parked: waiting for Godot"), std::string::npos)
        << text;
    EXPECT_NE(text.find("\"Lucky\" native running"), std::string::npos) << text;
}

TEST_F(Dump, shouldNameAStrandThatHoldsTheCarrier)
{
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    std::atomic<bool> holds{false}, asked{false};
    spawn([&] {
        holds = true;
        while (!asked)
            std::this_thread::yield();
    }, "Pozzo");
    std::thread other([&] {
        while (!holds)
            std::this_thread::yield();
        strand_scheduler_dump(scheduler, ends[1]);
        asked = true;
    });
    EXPECT_EQ(run(), 0);
    other.join();
    close(ends[1]);
    std::string text = read_all(ends[0]);
    close(ends[0]);
    EXPECT_NE(text.find("\"Pozzo\" has held the carrier"), std::string::npos) << text;
}

TEST_F(Dump, shouldAnswerAnotherThread)
{
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    strand_id parked = spawn([] { strand_park("waiting for Godot", STRAND_FOREVER); }, "Estragon");
    std::thread other([&] {
        strand_scheduler_dump(scheduler, ends[1]);
        strand_wake(parked);
    });
    EXPECT_EQ(run(), 0);
    other.join();
    close(ends[1]);
    std::string text = read_all(ends[0]);
    close(ends[0]);
    EXPECT_NE(text.find("\"Estragon\""), std::string::npos) << text;
}

}  // namespace
