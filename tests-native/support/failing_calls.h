// SPDX-License-Identifier: Apache-2.0
// What the library asks of libc and the kernel, with a seam before it: programs that are linked by
// strand_failing_calls() (CMake) have failing_calls.cpp between the two, and can have the n-th call
// of a kind refused, or all from the n-th on. Without a wish the calls are libc's.
//
// The linker does it (--wrap): only what the library's and the test's own objects call goes through
// here, and nothing that libc calls for itself. The test's own calls are therefore to be made by
// syscall(2) while something is refused.
#ifndef STRAND_TESTS_FAILING_CALLS_H
#define STRAND_TESTS_FAILING_CALLS_H

#include <atomic>
#include <cstddef>

enum class Calls {
    None,
    Memory,        // malloc and its family
    Pages,         // mmap, madvise, mprotect, mincore, process_madvise
    Descriptors,   // everything that makes one
    Loop,          // epoll_ctl
    Transfers,     // read, write and their like
    Sockets,       // what is asked of a descriptor: bind, listen, getsockname, fstat, poll ...
    Threads,       // pthread_create and getaddrinfo
};

class FailingCalls {
public:
    // From the first-th of these calls on, counted from now: that one, or all that follow as well.
    void refuse(Calls kind, unsigned long first, bool for_ever, int error);
    // Never again. How many were refused.
    unsigned long stop();
    // For the seam: whether this call is to fail; errno is set then.
    bool refuses(Calls kind, int instead = 0);

    std::atomic<long> blocks{0};         // of memory that are allocated and not freed
    std::atomic<long> mapped_bytes{0};   // by mmap and not unmapped

private:
    std::atomic<Calls> kind{Calls::None};
    std::atomic<unsigned long> seen{0}, refused{0};
    unsigned long first = 0;
    bool for_ever = false;
    int error = 0;
};

extern FailingCalls failing;

#endif
