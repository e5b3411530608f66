// SPDX-License-Identifier: Apache-2.0
// What the loop leans on in a kqueue, held against the one it is linked with.
#include <gtest/gtest.h>
#include <sys/event.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace {

void *number(uintptr_t value)
{
    return reinterpret_cast<void *>(value);
}

struct KqueueDouble : testing::Test {
    int kq = kqueue(), reading = -1, writing = -1;
    int left = -1, right = -1;      // a pair of sockets

    KqueueDouble()
    {
        int ends[2];
        EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
        reading = ends[0], writing = ends[1];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        left = ends[0], right = ends[1];
    }
    ~KqueueDouble() override
    {
        for (int fd : {kq, reading, writing, left, right})
            if (fd >= 0)
                close(fd);
    }
    static struct kevent changed(int fd, int filter, unsigned flags, unsigned fflags = 0,
                                 void *udata = nullptr)
    {
        struct kevent event;
        EV_SET(&event, uintptr_t(fd), int16_t(filter), uint16_t(flags), fflags, 0, udata);
        return event;
    }
    // 0, or errno.
    int change(int fd, int filter, unsigned flags, unsigned fflags = 0, void *udata = nullptr)
    {
        struct kevent event = changed(fd, filter, flags, fflags, udata);
        return kevent(kq, &event, 1, nullptr, 0, nullptr) == 0 ? 0 : errno;
    }
    std::vector<struct kevent> take(int room = 16)
    {
        static const timespec at_once = {0, 0};
        std::vector<struct kevent> events(size_t(room), changed(0, 0, 0));
        int count = kevent(kq, nullptr, 0, events.data(), room, &at_once);
        EXPECT_GE(count, 0);
        events.resize(size_t(count < 0 ? 0 : count));
        return events;
    }
    static void put(int fd, const std::string &text = "x")
    {
        ASSERT_EQ(write(fd, text.data(), text.size()), ssize_t(text.size()));
    }
    void get(int fd)
    {
        char bytes[64];
        ASSERT_GT(read(fd, bytes, sizeof bytes), 0);
    }
    void shut(int *fd)
    {
        close(*fd);
        *fd = -1;
    }
};

TEST_F(KqueueDouble, shouldReportWhatWasThereWhenItWasAdded)
{
    put(writing, "four");
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR, 0, number(7)), 0);
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].ident, uintptr_t(reading));
    EXPECT_EQ(events[0].filter, EVFILT_READ);
    EXPECT_EQ(events[0].udata, number(7));
    EXPECT_EQ(events[0].data, 4);
    EXPECT_FALSE(events[0].flags & (EV_EOF | EV_ERROR));
}

TEST_F(KqueueDouble, shouldReportOnceForEachChangeWithClear)
{
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    EXPECT_EQ(take().size(), 0u);
    put(writing);
    EXPECT_EQ(take().size(), 1u);
    EXPECT_EQ(take().size(), 0u);
    put(writing);
    EXPECT_EQ(take().size(), 1u);
}

TEST_F(KqueueDouble, shouldReportAsLongAsItHoldsWithoutClear)
{
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD), 0);
    put(writing);
    EXPECT_EQ(take().size(), 1u);
    EXPECT_EQ(take().size(), 1u);
    get(reading);
    EXPECT_EQ(take().size(), 0u);
}

TEST_F(KqueueDouble, shouldNotReportWhatNoLongerHolds)
{
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    put(writing);
    get(reading);
    EXPECT_EQ(take().size(), 0u);
}

TEST_F(KqueueDouble, shouldGatherChangesInOneEvent)
{
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    put(writing, "one");
    put(writing, "two");
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].data, 6);
}

TEST_F(KqueueDouble, shouldTriggerTheFiltersOfADescriptorOneByOne)
{
    ASSERT_EQ(change(left, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    ASSERT_EQ(change(left, EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].filter, EVFILT_WRITE);
    put(right);
    events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].filter, EVFILT_READ);
}

TEST_F(KqueueDouble, shouldKeepOneEntryWhenAddedAgain)
{
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR, 0, number(1)), 0);
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR, 0, number(2)), 0);
    put(writing);
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].udata, number(2));
}

TEST_F(KqueueDouble, shouldDeleteAndSayWhatIsNotThere)
{
    EXPECT_EQ(change(reading, EVFILT_READ, EV_DELETE), ENOENT);
    EXPECT_EQ(change(reading, EVFILT_READ, EV_ENABLE), ENOENT);
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    put(writing);
    EXPECT_EQ(change(reading, EVFILT_READ, EV_DELETE), 0);
    EXPECT_EQ(take().size(), 0u);
    EXPECT_EQ(change(reading, EVFILT_READ, EV_DELETE), ENOENT);
    EXPECT_EQ(change(1 << 16, EVFILT_READ, EV_ADD), EBADF);
}

TEST_F(KqueueDouble, shouldHoldBackWhatIsDisabled)
{
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    EXPECT_EQ(change(reading, EVFILT_READ, EV_DISABLE), 0);
    put(writing);
    EXPECT_EQ(take().size(), 0u);
    EXPECT_EQ(change(reading, EVFILT_READ, EV_ENABLE), 0);
    EXPECT_EQ(take().size(), 1u);
}

TEST_F(KqueueDouble, shouldDeleteAfterTheFirstEventOfAOneShot)
{
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_ONESHOT), 0);
    put(writing);
    EXPECT_EQ(take().size(), 1u);
    EXPECT_EQ(take().size(), 0u);
    EXPECT_EQ(change(reading, EVFILT_READ, EV_DELETE), ENOENT);
}

TEST_F(KqueueDouble, shouldGiveAReceiptForEachChangeAndTakeNoEvent)
{
    put(writing);
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    struct kevent changes[] = {
        changed(left, EVFILT_WRITE, EV_DELETE | EV_RECEIPT),
        changed(left, EVFILT_READ, EV_ADD | EV_CLEAR | EV_RECEIPT),
    };
    const timespec at_once = {0, 0};
    ASSERT_EQ(kevent(kq, changes, 2, changes, 2, &at_once), 2);
    EXPECT_TRUE(changes[0].flags & changes[1].flags & EV_ERROR);
    EXPECT_EQ(changes[0].data, ENOENT);
    EXPECT_EQ(changes[1].data, 0);
    put(right);
    EXPECT_EQ(take().size(), 2u);
}

TEST_F(KqueueDouble, shouldReportTheEndOfAPipeWithWhatIsLeftInIt)
{
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    put(writing, "rest");
    shut(&writing);
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(events[0].flags & EV_EOF);
    EXPECT_EQ(events[0].data, 4);
}

TEST_F(KqueueDouble, shouldReportTheEndOfASocketWhosePeerIsHalfClosed)
{
    ASSERT_EQ(change(left, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    shutdown(right, SHUT_WR);
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(events[0].flags & EV_EOF);
    EXPECT_EQ(events[0].fflags, 0u);
}

TEST_F(KqueueDouble, shouldReportAPipeThatNobodyReadsAnyMore)
{
    ASSERT_EQ(change(writing, EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
    EXPECT_EQ(take().size(), 1u);
    shut(&reading);
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(events[0].flags & EV_EOF);
}

TEST_F(KqueueDouble, shouldRefuseToWatchAPipeForWritingThatNobodyReads)
{
    shut(&reading);
    EXPECT_EQ(change(writing, EVFILT_WRITE, EV_ADD | EV_CLEAR), EPIPE);
}

TEST_F(KqueueDouble, shouldForgetADescriptorThatIsClosedWhileADuplicateIsOpen)
{
    int fd = fcntl(reading, F_DUPFD_CLOEXEC, 0);
    ASSERT_EQ(change(fd, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    close(fd);
    put(writing);
    EXPECT_EQ(take().size(), 0u);
    ASSERT_EQ(fcntl(reading, F_DUPFD_CLOEXEC, fd), fd);
    EXPECT_EQ(change(fd, EVFILT_READ, EV_ENABLE), ENOENT);
    close(fd);
}

TEST_F(KqueueDouble, shouldForgetADescriptorThatIsReplaced)
{
    int fd = fcntl(reading, F_DUPFD_CLOEXEC, 0);
    put(writing);
    ASSERT_EQ(change(fd, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    ASSERT_EQ(dup2(left, fd), fd);
    EXPECT_EQ(take().size(), 0u);
    EXPECT_EQ(change(fd, EVFILT_READ, EV_ENABLE), ENOENT);
    close(fd);
}

TEST_F(KqueueDouble, shouldWatchAFileUntilItsEndAndNotForWriting)
{
    char path[] = "/tmp/strand-kqueue-XXXXXX";
    int file = mkstemp(path);
    unlink(path);
    EXPECT_EQ(change(file, EVFILT_WRITE, EV_ADD), EINVAL);
    ASSERT_EQ(change(file, EVFILT_READ, EV_ADD), 0);
    EXPECT_EQ(take().size(), 0u);
    put(file, "text");
    lseek(file, 1, SEEK_SET);
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].data, 3);
    close(file);
}

TEST_F(KqueueDouble, shouldRefuseDevicesThatItCannotWatch)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    EXPECT_EQ(change(null, EVFILT_READ, EV_ADD), EINVAL);
    close(null);
}

TEST_F(KqueueDouble, shouldReportWhatTheUserTriggers)
{
    EXPECT_EQ(change(99, EVFILT_USER, 0, NOTE_TRIGGER), ENOENT);
    ASSERT_EQ(change(99, EVFILT_USER, EV_ADD | EV_CLEAR, 0, number(3)), 0);
    EXPECT_EQ(take().size(), 0u);
    ASSERT_EQ(change(99, EVFILT_USER, 0, NOTE_TRIGGER, number(4)), 0);
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].ident, 99u);
    EXPECT_EQ(events[0].filter, EVFILT_USER);
    EXPECT_EQ(events[0].udata, number(4));
    EXPECT_EQ(take().size(), 0u);
    EXPECT_EQ(change(99, EVFILT_USER, EV_DELETE), 0);
    EXPECT_EQ(change(99, EVFILT_USER, EV_DELETE), ENOENT);
}

TEST_F(KqueueDouble, shouldWakeAThreadThatWaitsByAUserEvent)
{
    ASSERT_EQ(change(1, EVFILT_USER, EV_ADD | EV_CLEAR), 0);
    std::thread other([this] { EXPECT_EQ(change(1, EVFILT_USER, 0, NOTE_TRIGGER), 0); });
    struct kevent event;
    EXPECT_EQ(kevent(kq, nullptr, 0, &event, 1, nullptr), 1);
    other.join();
}

#ifdef EVFILT_EXCEPT      // Darwin's, and the double's
TEST_F(KqueueDouble, shouldReportUrgentData)
{
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr *>(&address), length), 0);
    ASSERT_EQ(listen(listener, 1), 0);
    getsockname(listener, reinterpret_cast<sockaddr *>(&address), &length);
    ASSERT_EQ(connect(client, reinterpret_cast<sockaddr *>(&address), length), 0);
    int server = accept(listener, nullptr, nullptr);
    ASSERT_EQ(change(server, EVFILT_EXCEPT, EV_ADD | EV_CLEAR, NOTE_OOB), 0);
    put(client);
    EXPECT_EQ(take().size(), 0u);
    ASSERT_EQ(send(client, "!", 1, MSG_OOB), 1);
    auto events = take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].fflags, unsigned(NOTE_OOB));
    for (int fd : {listener, client, server})
        close(fd);
}
#endif

TEST_F(KqueueDouble, shouldReturnNoMoreThanThereIsRoomForAndTheRestNextTime)
{
    std::vector<int> copies;
    for (int i = 0; i < 5; i++) {
        copies.push_back(fcntl(writing, F_DUPFD_CLOEXEC, 0));
        ASSERT_EQ(change(copies.back(), EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
    }
    EXPECT_EQ(take(3).size(), 3u);
    EXPECT_EQ(take(3).size(), 2u);
    EXPECT_EQ(take(3).size(), 0u);
    for (int fd : copies)
        close(fd);
}

TEST_F(KqueueDouble, shouldWaitForItsTimeoutToTheNanosecond)
{
    struct kevent event;
    for (long ns : {1L, 300000L}) {
        timespec timeout = {0, ns};
        auto before = std::chrono::steady_clock::now();
        EXPECT_EQ(kevent(kq, nullptr, 0, &event, 1, &timeout), 0);
        EXPECT_GE((std::chrono::steady_clock::now() - before).count(), ns);
    }
}

TEST_F(KqueueDouble, shouldRefuseTimeoutsThatDarwinRefuses)
{
    struct kevent event;
    for (timespec timeout : {timespec{-1, 0}, timespec{0, -1}, timespec{0, 1000000000},
                             timespec{100000001, 0}}) {
        EXPECT_EQ(kevent(kq, nullptr, 0, &event, 1, &timeout), -1);
        EXPECT_EQ(errno, EINVAL);
    }
}

TEST_F(KqueueDouble, shouldBeInterruptedByASignal)
{
    struct sigaction action = {}, before;
    action.sa_handler = [](int) {};
    sigaction(SIGALRM, &action, &before);
    itimerval soon = {{0, 10000}, {0, 10000}}, off = {};
    setitimer(ITIMER_REAL, &soon, nullptr);
    struct kevent event;
    EXPECT_EQ(kevent(kq, nullptr, 0, &event, 1, nullptr), -1);
    EXPECT_EQ(errno, EINTR);
    setitimer(ITIMER_REAL, &off, nullptr);
    sigaction(SIGALRM, &before, nullptr);
}

TEST_F(KqueueDouble, shouldEndWithItsDescriptor)
{
    int fd = kq;
    shut(&kq);
    struct kevent event;
    const timespec at_once = {0, 0};
    EXPECT_EQ(kevent(fd, nullptr, 0, &event, 1, &at_once), -1);
    EXPECT_EQ(errno, EBADF);
}

TEST_F(KqueueDouble, shouldNotBeInheritedByAFork)
{
    pid_t child = fork();
    if (child == 0) {
        struct kevent event;
        const timespec at_once = {0, 0};
        bool gone = kevent(kq, nullptr, 0, &event, 1, &at_once) == -1 && errno == EBADF &&
                    fcntl(kq, F_GETFD) == -1;
        _exit(gone ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    ASSERT_EQ(change(reading, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
    put(writing);
    EXPECT_EQ(take().size(), 1u);
}

}   // namespace
