// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <vector>

#include "environment.h"

extern "C" {
#include "clock.h"
#include "descriptor.h"
#include "guard.h"
#include "pages.h"
}

namespace {

struct Pair {
    int ends[2] = {-1, -1};
    int &reading = ends[0], &writing = ends[1];
    ~Pair()
    {
        close(reading);
        close(writing);
    }
};

struct Pipe : Pair {
    Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
};

struct Sockets : Pair {
    Sockets() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0); }
};

// writing: the master, reading: the slave, which hands on bytes as they come.
struct Pty : Pair {
    Pty()
    {
        writing = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        EXPECT_EQ(grantpt(writing), 0);
        EXPECT_EQ(unlockpt(writing), 0);
        reading = open(ptsname(writing), O_RDWR | O_NOCTTY | O_CLOEXEC);
        termios raw;
        EXPECT_EQ(tcgetattr(reading, &raw), 0);
        cfmakeraw(&raw);
        EXPECT_EQ(tcsetattr(reading, TCSANOW, &raw), 0);
    }
};

strand_descriptor describe(int fd)
{
    strand_descriptor d;
    EXPECT_EQ(strand_descriptor_init(&d, fd), 0);
    return d;
}

std::string read_some(strand_descriptor *d)
{
    char text[64];
    ssize_t count = strand_descriptor_read(d, text, sizeof text);
    return count < 0 ? "error " + std::to_string(-count) : std::string(text, size_t(count));
}

const std::string would_wait = "error " + std::to_string(EAGAIN);

void expect_reads_as_bytes_come(int reading, int writing, strand_descriptor_kind kind)
{
    int flags = fcntl(reading, F_GETFL);
    strand_descriptor in = describe(reading), out = describe(writing);
    EXPECT_EQ(in.kind, kind);
    EXPECT_EQ(read_some(&in), would_wait);
    EXPECT_EQ(strand_descriptor_write(&out, "abc", 3), 3);
    pollfd arrived = {in.fd, POLLIN, 0};
    EXPECT_EQ(poll(&arrived, 1, 10000), 1);
    EXPECT_EQ(read_some(&in), "abc");
    EXPECT_EQ(read_some(&in), would_wait);
    EXPECT_EQ(fcntl(reading, F_GETFL), flags);
    strand_descriptor_close(&in, true);
    strand_descriptor_close(&out, true);
    EXPECT_EQ(fcntl(reading, F_GETFL), flags);
}

TEST(Descriptor, shouldReadPipesWithoutWaitingAndKeepTheirFlags)
{
    Pipe pipe;
    expect_reads_as_bytes_come(pipe.reading, pipe.writing, STRAND_DESCRIPTOR_PIPE);
}

TEST(Descriptor, shouldReadSocketsWithoutWaitingAndKeepTheirFlags)
{
    Sockets sockets;
    expect_reads_as_bytes_come(sockets.reading, sockets.writing, STRAND_DESCRIPTOR_SOCKET);
}

TEST(Descriptor, shouldReadTerminalsWithoutWaitingAndKeepTheirFlags)
{
    Pty pty;
    expect_reads_as_bytes_come(pty.reading, pty.writing, STRAND_DESCRIPTOR_TERMINAL);
    expect_reads_as_bytes_come(pty.writing, pty.reading, STRAND_DESCRIPTOR_TERMINAL);
}

TEST(Descriptor, shouldReadNamedPipesWithoutWaiting)
{
    std::string path = testing::TempDir() + "strand-fifo-" + std::to_string(getpid());
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    int both = open(path.c_str(), O_RDWR | O_CLOEXEC);
    unlink(path.c_str());
    expect_reads_as_bytes_come(both, both, STRAND_DESCRIPTOR_PIPE);
    close(both);
}

TEST(Descriptor, shouldOpenATerminalAnewButNotAPtysMaster)
{
    Pty pty;
    strand_descriptor slave = describe(pty.reading), master = describe(pty.writing);
    EXPECT_NE(slave.fd, pty.reading);
    EXPECT_TRUE(slave.nowait);
    EXPECT_EQ(master.fd, pty.writing);
    EXPECT_FALSE(master.nowait);
    int own = slave.fd;
    EXPECT_EQ(strand_descriptor_close(&slave, true), 0);
    EXPECT_EQ(fcntl(own, F_GETFL), -1);
    EXPECT_NE(fcntl(pty.reading, F_GETFL), -1);
}

TEST(Descriptor, shouldPollWherePipesCannotDoWithoutWaiting)
{
    Pipe pipe;
    strand_descriptor in = describe(pipe.reading), out = describe(pipe.writing);
    in.nowait = out.nowait = false;
    EXPECT_EQ(read_some(&in), would_wait);
    std::string much(3 * PIPE_BUF, 'x');
    EXPECT_EQ(strand_descriptor_write(&out, much.data(), much.size()), PIPE_BUF);
    EXPECT_EQ(read_some(&in), std::string(64, 'x'));
    EXPECT_EQ(strand_descriptor_write(&in, "x", 1), -EBADF);
    strand_descriptor wrong_end = describe(pipe.writing);
    wrong_end.nowait = false;
    EXPECT_EQ(read_some(&wrong_end), "error " + std::to_string(EBADF));
}

void expect_writes_until_full(strand_descriptor *out)
{
    std::string much(1 << 20, 'x');
    ssize_t count = 0, all = 0;
    while ((count = strand_descriptor_write(out, much.data(), much.size())) > 0)
        all += count;
    EXPECT_EQ(count, -EAGAIN);
    EXPECT_GT(all, 1024);
}

TEST(Descriptor, shouldWriteUntilThePipeIsFullEitherWay)
{
    for (bool nowait : {true, false}) {
        Pipe pipe;
        strand_descriptor out = describe(pipe.writing);
        out.nowait = nowait;
        expect_writes_until_full(&out);
    }
}

TEST(Descriptor, shouldWriteUntilASocketOrTerminalIsFull)
{
    Sockets sockets;
    strand_descriptor out = describe(sockets.writing);
    expect_writes_until_full(&out);
    Pty pty;
    strand_descriptor slave = describe(pty.reading);
    expect_writes_until_full(&slave);
    strand_descriptor_close(&slave, true);
}

TEST(Descriptor, shouldGiveZeroAtTheEndOfInput)
{
    Pipe pipe;
    Sockets sockets;
    strand_descriptor in = describe(pipe.reading), socket = describe(sockets.reading);
    close(pipe.writing);
    strand_descriptor peer = describe(sockets.writing);
    EXPECT_EQ(strand_descriptor_shutdown_write(&peer), 0);
    char byte;
    EXPECT_EQ(strand_descriptor_read(&in, &byte, 1), 0);
    EXPECT_EQ(strand_descriptor_read(&socket, &byte, 1), 0);
    EXPECT_EQ(strand_descriptor_write(&socket, "x", 1), 1);
    EXPECT_EQ(strand_descriptor_shutdown_write(&in), -ENOTSOCK);
    pipe.writing = -1;
}

[[noreturn]] void exit_after_epipe(bool socket, bool nowait)
{
    signal(SIGPIPE, SIG_DFL);
    int ends[2];
    strand_descriptor out;
    if ((socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) != 0 ||
        strand_descriptor_init(&out, ends[1]) != 0)
        _exit(9);
    if (!socket)
        out.nowait = nowait;
    close(ends[0]);
    _exit(strand_descriptor_write(&out, "x", 1) == -EPIPE ? 0 : 1);
}

// In processes of their own that begin anew: a handler, once there, would hide the sockets' way.
TEST(Descriptor, shouldGiveEpipeInsteadOfDyingBySignal)
{
    GTEST_FLAG_SET(death_test_style, anew());
    EXPECT_EXIT(exit_after_epipe(true, true), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(exit_after_epipe(false, true), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(exit_after_epipe(false, false), testing::ExitedWithCode(0), "");
}

[[noreturn]] void exit_with_handler_after_init(void (*before)(int))
{
    signal(SIGPIPE, before);
    int ends[2];
    strand_descriptor d;
    if (pipe(ends) != 0 || strand_descriptor_init(&d, ends[1]) != 0)
        _exit(9);
    struct sigaction after;
    sigaction(SIGPIPE, nullptr, &after);
    _exit(after.sa_handler == SIG_DFL ? 0 : after.sa_handler == SIG_IGN ? 1 : 2);
}

TEST(Descriptor, shouldReplaceOnlyTheDefaultOfSigpipe)
{
    GTEST_FLAG_SET(death_test_style, anew());
    EXPECT_EXIT(exit_with_handler_after_init(SIG_IGN), testing::ExitedWithCode(1), "");
    EXPECT_EXIT(exit_with_handler_after_init(SIG_DFL), testing::ExitedWithCode(2), "");
}

TEST(Descriptor, shouldTreatFilesAndNullAsAlwaysReady)
{
    char path[] = "/tmp/strand-file-XXXXXX";
    int file = mkstemp(path);
    unlink(path);
    strand_descriptor d = describe(file);
    EXPECT_EQ(d.kind, STRAND_DESCRIPTOR_FILE);
    EXPECT_EQ(strand_descriptor_write(&d, "abc", 3), 3);
    EXPECT_EQ(read_some(&d), "");
    EXPECT_EQ(lseek(file, 0, SEEK_SET), 0);
    EXPECT_EQ(read_some(&d), "abc");
    EXPECT_EQ(strand_descriptor_close(&d, false), 0);
    EXPECT_EQ(fcntl(file, F_GETFL), -1);

    strand_descriptor null = describe(open("/dev/null", O_RDWR | O_CLOEXEC));
    EXPECT_EQ(null.kind, STRAND_DESCRIPTOR_FILE);
    EXPECT_EQ(read_some(&null), "");
    EXPECT_EQ(strand_descriptor_write(&null, "abc", 3), 3);
    EXPECT_EQ(strand_descriptor_close(&null, false), 0);
}

TEST(Descriptor, shouldRefuseADescriptorThatIsNotOpen)
{
    strand_descriptor d;
    EXPECT_EQ(strand_descriptor_init(&d, -1), -EBADF);
    EXPECT_EQ(strand_descriptor_init(&d, 1 << 20), -EBADF);
}

TEST(Descriptor, shouldSayWhatTheCallSays)
{
    if (emulated())
        GTEST_SKIP() << "the emulator has no preadv2: a poll comes first, and never finds the wrong end";
    Pipe pipe;
    strand_descriptor wrong_end = describe(pipe.writing);
    char byte;
    EXPECT_EQ(strand_descriptor_read(&wrong_end, &byte, 1), -EBADF);
    EXPECT_EQ(strand_descriptor_read(&wrong_end, &byte, 0), 0);
    strand_descriptor in = describe(pipe.reading);
    EXPECT_EQ(strand_descriptor_write(&in, "x", 1), -EBADF);
}

TEST(Clock, shouldNeverGoBack)
{
    int64_t last_ns = strand_clock_now_ns();
    for (int i = 0; i < 10000; i++) {
        int64_t now_ns = strand_clock_now_ns();
        ASSERT_GE(now_ns, last_ns);
        last_ns = now_ns;
    }
}

TEST(Clock, shouldSaturateDeadlines)
{
    EXPECT_EQ(strand_clock_deadline_ns(100, 5), 105);
    EXPECT_EQ(strand_clock_deadline_ns(100, 0), 100);
    EXPECT_EQ(strand_clock_deadline_ns(100, INT64_MIN), 100);
    EXPECT_EQ(strand_clock_deadline_ns(100, INT64_MAX), INT64_MAX);
    EXPECT_EQ(strand_clock_deadline_ns(100, INT64_MAX - 100), INT64_MAX);
    EXPECT_EQ(strand_clock_deadline_ns(100, INT64_MAX - 101), INT64_MAX - 1);
}

// The kernel's own touch: EFAULT instead of a signal.
bool guarded(const char *byte)
{
    Pipe pipe;
    return write(pipe.writing, byte, 1) < 0 && errno == EFAULT;
}

void expect_guards(int (*install)(void *, size_t))
{
    size_t page = strand_pages_size();
    void *base;
    ASSERT_EQ(strand_pages_reserve(3 * page, &base), 0);
    char *low = static_cast<char *>(base);
    ASSERT_EQ(install(low + page, page), 0);
    EXPECT_FALSE(guarded(low + page - 1));
    EXPECT_TRUE(guarded(low + page));
    EXPECT_TRUE(guarded(low + 2 * page - 1));
    EXPECT_FALSE(guarded(low + 2 * page));
    strand_pages_release(base, 3 * page);
}

TEST(Guard, shouldFaultLightweight)
{
    if (!strand_guard_lightweight_works())
        GTEST_SKIP() << "this kernel has no MADV_GUARD_INSTALL that guards";
    expect_guards(strand_guard_install_lightweight);
}

TEST(Guard, shouldFaultByMprotect)
{
    expect_guards(strand_guard_install_mprotect);
    strand_guard_forget_mprotect(1);
    EXPECT_GT(strand_guard_mprotect_cap(), 100u);
}

TEST(Guard, shouldInstallManyAtOnceAndOnlyThose)
{
    constexpr size_t count = 150;    // more than one system call's
    size_t page = strand_pages_size();
    void *base;
    ASSERT_EQ(strand_pages_reserve(3 * count * page, &base), 0);
    char *low = static_cast<char *>(base);
    size_t installed = strand_guard_install_many(low, page, 3 * page, count);
    EXPECT_TRUE(installed == 0 || installed == count) << installed;   // 0: an older kernel
    for (size_t i = 0; i < 3 * count; i++)
        EXPECT_EQ(guarded(low + i * page), i % 3 == 0 && i / 3 < installed) << "page " << i;
    strand_pages_release(base, 3 * count * page);
}

TEST(Guard, shouldSurviveTrimmingOfTheStackAboveIt)
{
    if (!strand_guard_lightweight_works())
        GTEST_SKIP() << "this kernel has no MADV_GUARD_INSTALL that guards";
    size_t page = strand_pages_size();
    void *base;
    ASSERT_EQ(strand_pages_reserve(2 * page, &base), 0);
    char *low = static_cast<char *>(base);
    ASSERT_EQ(strand_guard_install_lightweight(low, page), 0);
    low[page] = 'x';
    EXPECT_EQ(strand_pages_trim(low, 2 * page), 0);
    EXPECT_EQ(low[page], 0);
    EXPECT_TRUE(guarded(low));
    strand_pages_release(base, 2 * page);
}

TEST(Pages, shouldCostNothingUntouched)
{
    size_t size_bytes = size_t(1) << 30, page = strand_pages_size();
    void *base;
    ASSERT_EQ(strand_pages_reserve(size_bytes, &base), 0);
    static_cast<char *>(base)[page] = 1;
    std::vector<unsigned char> resident(64);
    ASSERT_EQ(mincore(base, resident.size() * page, resident.data()), 0);
    for (size_t i = 0; i < resident.size(); i++)
        EXPECT_EQ(resident[i] & 1, i == 1) << "page " << i;
    strand_pages_release(base, size_bytes);
}

TEST(Pages, shouldRefuseWhatCannotBe)
{
    void *base;
    EXPECT_EQ(strand_pages_reserve(SIZE_MAX / 2 & ~size_t(65535), &base), -ENOMEM);
}

}   // namespace
