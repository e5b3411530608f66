// SPDX-License-Identifier: Apache-2.0
// The calls on descriptors in libc's place, for a test to make them fail as kernels may: link
// faulty_calls.cpp into it. Without a wish they are the kernel's.
#ifndef STRAND_TESTS_FAULTY_CALLS_H
#define STRAND_TESTS_FAULTY_CALLS_H

#include <atomic>
#include <cstdint>

struct FaultyCalls {
    std::atomic<bool> interrupted{false};    // every second call gives EINTR
    std::atomic<bool> single{false};         // reads and writes move one byte
    std::atomic<int> unwatchable_error{0};   // of epoll_ctl(ADD) for every descriptor
    std::atomic<int64_t> hurry_ns{0};        // by so much more the monotonic clock goes on at each look
    std::atomic<unsigned> calls{0};          // that could be interrupted
    std::atomic<int> interruptions{0};       // so many calls gave EINTR
    std::atomic<int> reads{0};               // of any kind, since the last reset

    void reset()
    {
        interrupted = single = false;
        unwatchable_error = interruptions = reads = 0;
        calls = 0;
        hurry_ns = 0;
    }
};

extern FaultyCalls faulty;

#endif
