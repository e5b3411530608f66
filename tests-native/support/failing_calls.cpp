// SPDX-License-Identifier: Apache-2.0
#include "failing_calls.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>

FailingCalls failing;

void FailingCalls::refuse(Calls of, unsigned long from, bool ever, int with)
{
    first = from;
    for_ever = ever;
    error = with;
    seen = refused = 0;
    kind = of;
}

unsigned long FailingCalls::stop()
{
    kind = Calls::None;
    return refused;
}

bool FailingCalls::refuses(Calls of, int instead)
{
    if (kind.load() != of)
        return false;
    unsigned long now = ++seen;
    if (now != first && !(for_ever && now > first))
        return false;
    refused++;
    errno = instead ? instead : error;
    return true;
}

namespace {

void *counted(void *memory)
{
    failing.blocks += memory != nullptr;
    return memory;
}

constexpr int most_eventfds = 256;
std::atomic<bool> was_eventfd[most_eventfds];

bool is_eventfd(int fd, size_t size)
{
    return size == sizeof(uint64_t) && fd >= 0 && fd < most_eventfds && was_eventfd[fd];
}

// As the kernel counts.
long in_pages(size_t size)
{
    long page_bytes = sysconf(_SC_PAGESIZE);
    return (static_cast<long>(size) + page_bytes - 1) / page_bytes * page_bytes;
}

} // namespace

// REAL is libc's; the seam has its signature and goes there unless it refuses.
#define SEAM(kind, type, name, parameters, arguments)          \
    type __real_##name parameters;                             \
    type __wrap_##name parameters;                             \
    type __wrap_##name parameters                              \
    {                                                          \
        if (failing.refuses(Calls::kind))                      \
            return static_cast<type>(-1);                      \
        return __real_##name arguments;                        \
    }

extern "C" {

// ---- Memory

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *memory);

void *__wrap_malloc(size_t size)
{
    return failing.refuses(Calls::Memory) ? nullptr : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return failing.refuses(Calls::Memory) ? nullptr : counted(__real_calloc(count, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return failing.refuses(Calls::Memory) ? nullptr : counted(__real_aligned_alloc(alignment, size));
}

char *__wrap_strdup(const char *text)
{
    if (failing.refuses(Calls::Memory))
        return nullptr;
    return static_cast<char *>(counted(__real_strdup(text)));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (failing.refuses(Calls::Memory))
        return nullptr;
    void *memory = __real_realloc(old, size);
    failing.blocks += !old && memory;
    return memory;
}

// The dump's, of who called whom; it is freed as one block.
char **__real_backtrace_symbols(void *const *frames, int count);
char **__wrap_backtrace_symbols(void *const *frames, int count)
{
    if (failing.refuses(Calls::Memory))
        return nullptr;
    return static_cast<char **>(counted(__real_backtrace_symbols(frames, count)));
}

void __wrap_free(void *memory)
{
    failing.blocks -= memory != nullptr;
    __real_free(memory);
}

// ---- Pages

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t size);

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (failing.refuses(Calls::Pages, ENOMEM))
        return MAP_FAILED;
    void *memory = __real_mmap(at, size, protection, flags, fd, offset);
    if (memory != MAP_FAILED)
        failing.mapped_bytes += in_pages(size);
    return memory;
}

int __wrap_munmap(void *at, size_t size)
{
    int status = __real_munmap(at, size);
    if (status == 0)
        failing.mapped_bytes -= in_pages(size);
    return status;
}

SEAM(Pages, int, madvise, (void *at, size_t size, int advice), (at, size, advice))
SEAM(Pages, int, mprotect, (void *at, size_t size, int protection), (at, size, protection))
SEAM(Pages, int, mincore, (void *at, size_t size, unsigned char *pages), (at, size, pages))

// ---- Descriptors

int __real_open(const char *path, int flags, ...);
int __real_fcntl(int fd, int command, ...);

int __wrap_open(const char *path, int flags, ...)
{
    return failing.refuses(Calls::Descriptors) ? -1 : __real_open(path, flags);   // makes no file
}

int __wrap_fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    if (failing.refuses(command == F_DUPFD_CLOEXEC ? Calls::Descriptors : Calls::Sockets))
        return -1;
    return __real_fcntl(fd, command, argument);
}

SEAM(Descriptors, int, pipe2, (int *ends, int flags), (ends, flags))
SEAM(Descriptors, int, epoll_create1, (int flags), (flags))
SEAM(Descriptors, int, socket, (int family, int type, int protocol), (family, type, protocol))
SEAM(Descriptors, int, accept4, (int fd, sockaddr *address, socklen_t *length, int flags),
     (fd, address, length, flags))
SEAM(Loop, int, epoll_ctl, (int epoll, int operation, int fd, epoll_event *event),
     (epoll, operation, fd, event))

// ---- Transfers

// An eventfd cannot fail but by EAGAIN, and then it says what it is to say.
int __real_eventfd(unsigned count, int flags);
ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __real_write(int fd, const void *from, size_t size);

int __wrap_eventfd(unsigned count, int flags)
{
    int fd = failing.refuses(Calls::Descriptors) ? -1 : __real_eventfd(count, flags);
    if (fd >= 0 && fd < most_eventfds)
        was_eventfd[fd] = true;
    return fd;
}

ssize_t __wrap_read(int fd, void *to, size_t size)
{
    bool refused = !is_eventfd(fd, size) && failing.refuses(Calls::Transfers);
    return refused ? -1 : __real_read(fd, to, size);
}

ssize_t __wrap_write(int fd, const void *from, size_t size)
{
    bool refused = !is_eventfd(fd, size) && failing.refuses(Calls::Transfers);
    return refused ? -1 : __real_write(fd, from, size);
}

SEAM(Transfers, ssize_t, recv, (int fd, void *to, size_t size, int flags), (fd, to, size, flags))
SEAM(Transfers, ssize_t, send, (int fd, const void *from, size_t size, int flags),
     (fd, from, size, flags))
SEAM(Transfers, ssize_t, preadv2, (int fd, const iovec *parts, int count, off_t at, int flags),
     (fd, parts, count, at, flags))
SEAM(Transfers, ssize_t, pwritev2, (int fd, const iovec *parts, int count, off_t at, int flags),
     (fd, parts, count, at, flags))

// ---- Sockets, and what else is asked of a descriptor

SEAM(Sockets, int, bind, (int fd, const sockaddr *address, socklen_t length), (fd, address, length))
SEAM(Sockets, int, connect, (int fd, const sockaddr *address, socklen_t length),
     (fd, address, length))
SEAM(Sockets, int, listen, (int fd, int backlog), (fd, backlog))
SEAM(Sockets, int, shutdown, (int fd, int how), (fd, how))
SEAM(Sockets, int, getsockname, (int fd, sockaddr *address, socklen_t *length),
     (fd, address, length))
SEAM(Sockets, int, getsockopt, (int fd, int level, int name, void *value, socklen_t *length),
     (fd, level, name, value, length))
SEAM(Sockets, int, setsockopt, (int fd, int level, int name, const void *value, socklen_t length),
     (fd, level, name, value, length))
SEAM(Sockets, int, fstat, (int fd, struct stat *status), (fd, status))
SEAM(Sockets, int, fchmod, (int fd, mode_t mode), (fd, mode))
SEAM(Sockets, int, lstat, (const char *path, struct stat *status), (path, status))
SEAM(Sockets, int, poll, (pollfd * fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms))

// ---- Threads

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    return failing.refuses(Calls::Threads) ? EAGAIN
                                           : __real_pthread_create(thread, attributes, body, argument);
}

int __real_getaddrinfo(const char *host, const char *port, const addrinfo *hints, addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *port, const addrinfo *hints, addrinfo **out)
{
    return failing.refuses(Calls::Threads) ? EAI_SYSTEM
                                           : __real_getaddrinfo(host, port, hints, out);
}

// ---- What has no function of its own in libc

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long given[6];
    va_list arguments;
    va_start(arguments, number);
    for (long &argument : given)
        argument = va_arg(arguments, long);
    va_end(arguments);
#if defined(SYS_process_madvise)
    if (number == SYS_process_madvise && failing.refuses(Calls::Pages))
        return -1;
#endif
#if defined(SYS_epoll_pwait2)
    if (number == SYS_epoll_pwait2 && failing.refuses(Calls::Loop, ENOSYS))
        return -1;
#endif
    return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

} // extern "C"
