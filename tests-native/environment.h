// SPDX-License-Identifier: Apache-2.0
// What a test runs under, for the few that must say why they cannot.
#ifndef STRAND_TESTS_ENVIRONMENT_H
#define STRAND_TESTS_ENVIRONMENT_H

#include <cstdlib>
#include <cstring>
#include <string>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

// The library counts its branches (script/test --coverage), in larger frames.
#if defined(STRAND_TEST_COVERAGE)
constexpr bool counts_branches = true;
#else
constexpr bool counts_branches = false;
#endif

// It calls signal handlers itself, on terms of its own, and when it likes.
#if defined(__SANITIZE_THREAD__)
constexpr bool thread_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool thread_sanitized = true;
#else
constexpr bool thread_sanitized = false;
#endif
#else
constexpr bool thread_sanitized = false;
#endif

// Valgrind gives its children its libraries.
inline bool under_valgrind()
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "vgpreload");
}

// By qemu-user; CMake sets it for cross builds. It has no ptrace, seccomp, preadv2 or lightweight
// guards, and no limit on address space; and the kernel cannot start the other machine's programs.
inline bool emulated()
{
    return getenv("STRAND_TEST_EMULATED");
}

// What was said on standard error, without what the tools say there of their own accord: qemu of
// each end by a signal, AddressSanitizer of swapcontext.
inline std::string without_notices(std::string said)
{
    for (const char *notice : {"qemu: uncaught target signal", "WARNING: ASan doesn't fully support"}) {
        size_t at = said.find(notice);
        if (at == std::string::npos || !(sanitized || emulated()))
            continue;
        size_t line = said.rfind('\n', at) + 1;      // npos + 1: the first
        said.erase(line, said.find('\n', at) + 1 - line);
    }
    return said;
}

// GoogleTest's style of death tests in processes that begin anew; a forked one must do where none
// can be started. (ctest begins anew for each test.)
inline const char *anew()
{
    return emulated() ? "fast" : "threadsafe";
}

#endif
