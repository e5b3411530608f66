// SPDX-License-Identifier: Apache-2.0
#include "faulty_calls.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

FaultyCalls faulty;

namespace {

bool interrupts()
{
    if (!faulty.interrupted || ++faulty.calls % 2 == 0)
        return false;
    faulty.interruptions++;
    errno = EINTR;
    return true;
}

size_t shortened(size_t size)
{
    return faulty.single && size > 1 ? 1 : size;
}

ssize_t in_parts(long call, int fd, const iovec *parts, int count, int flags)
{
    iovec first = {parts->iov_base, shortened(parts->iov_len)};
    return syscall(call, fd, faulty.single ? &first : parts, static_cast<long>(count), -1L, -1L,
                   static_cast<long>(flags));
}

} // namespace

extern "C" {

ssize_t read(int fd, void *to, size_t size)
{
    faulty.reads++;
    return interrupts() ? -1 : syscall(SYS_read, fd, to, shortened(size));
}

ssize_t write(int fd, const void *from, size_t size)
{
    return interrupts() ? -1 : syscall(SYS_write, fd, from, shortened(size));
}

ssize_t recv(int fd, void *to, size_t size, int flags)
{
    faulty.reads++;
    return interrupts() ? -1
                        : syscall(SYS_recvfrom, fd, to, shortened(size), flags, nullptr, nullptr);
}

ssize_t send(int fd, const void *from, size_t size, int flags)
{
    return interrupts() ? -1 : syscall(SYS_sendto, fd, from, shortened(size), flags, nullptr, 0);
}

ssize_t preadv2(int fd, const iovec *parts, int count, off_t, int flags)
{
    faulty.reads++;
    return interrupts() ? -1 : in_parts(SYS_preadv2, fd, parts, count, flags);
}

ssize_t pwritev2(int fd, const iovec *parts, int count, off_t, int flags)
{
    return interrupts() ? -1 : in_parts(SYS_pwritev2, fd, parts, count, flags);
}

int accept4(int fd, sockaddr *address, socklen_t *length, int flags)
{
    return interrupts() ? -1 : static_cast<int>(syscall(SYS_accept4, fd, address, length, flags));
}

int connect(int fd, const sockaddr *address, socklen_t length)
{
    int status = static_cast<int>(syscall(SYS_connect, fd, address, length));
    return interrupts() ? -1 : status;   // an interrupted one goes on by itself
}

int poll(pollfd *fds, nfds_t count, int timeout_ms)
{
    if (interrupts())
        return -1;
    timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    return ppoll(fds, count, timeout_ms < 0 ? nullptr : &timeout, nullptr);
}

int epoll_wait(int epoll, epoll_event *events, int most, int timeout_ms)
{
    bool waits = timeout_ms != 0;      // one that does not is never interrupted
    return waits && interrupts() ? -1 : epoll_pwait(epoll, events, most, timeout_ms, nullptr);
}

int clock_gettime(clockid_t clock, timespec *now)
{
    static std::atomic<int64_t> ahead_ns{0};
    int status = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
    if (status == 0 && clock == CLOCK_MONOTONIC) {
        constexpr int64_t second_ns = 1000000000;
        int64_t ns = now->tv_nsec + (ahead_ns += faulty.hurry_ns);
        now->tv_sec += ns / second_ns;
        now->tv_nsec = ns % second_ns;
    }
    return status;
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD && faulty.unwatchable_error) {
        errno = faulty.unwatchable_error;
        return -1;
    }
    return static_cast<int>(syscall(SYS_epoll_ctl, epoll, operation, fd, event));
}

} // extern "C"
