// SPDX-License-Identifier: Apache-2.0
// The calls on descriptors in libc's place, for a test to make them fail as kernels may: link
// faulty_calls.cpp into it. Without a wish they are the kernel's.
#ifndef STRAND_TESTS_FAULTY_CALLS_H
#define STRAND_TESTS_FAULTY_CALLS_H

struct FaultyCalls {
    bool interrupted = false;   // every second call gives EINTR
    bool single = false;        // reads and writes move one byte
    int unwatchable_error = 0;  // of epoll_ctl(ADD) for every descriptor
    int interruptions = 0;      // so many calls gave EINTR
    int reads = 0;              // of any kind, since the last reset
};

extern FaultyCalls faulty;

#endif
