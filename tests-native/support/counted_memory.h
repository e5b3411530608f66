// SPDX-License-Identifier: Apache-2.0
// The memory that the process has allocated: link counted_memory.cpp into the test. Not counted
// (counts_memory false) under sanitizers, which bring an allocator of their own, and without glibc.
#ifndef STRAND_TESTS_COUNTED_MEMORY_H
#define STRAND_TESTS_COUNTED_MEMORY_H

#include <atomic>
#include <cstddef>

#include "../environment.h"

#if defined(__GLIBC__)
constexpr bool counts_memory = !sanitized;
#else
constexpr bool counts_memory = false;
#endif

struct CountedMemory {
    std::atomic<size_t> calls{0};   // that gave memory
    std::atomic<size_t> live{0};    // bytes
    std::atomic<size_t> most{0};    // of live, since it was last set
};

extern CountedMemory counted;

#endif
