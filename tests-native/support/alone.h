// SPDX-License-Identifier: Apache-2.0
// Counting what a process has open, when no thread is left that came with a life of the library.
#ifndef STRAND_TESTS_ALONE_H
#define STRAND_TESTS_ALONE_H

#include <dirent.h>
#include <sched.h>

#include <thread>

#include "../environment.h"

inline int entries_of(const char *folder)
{
    int count = 0;
    DIR *entries = opendir(folder);
    while (entries && readdir(entries))
        count++;
    if (entries)
        closedir(entries);
    return count;
}

// An emulator has a thread of its own from the start, ThreadSanitizer from the process's first on.
inline int threads_of_the_tools()
{
    constexpr const char *TASKS = "/proc/self/task";
    int before = entries_of(TASKS);
    if (!thread_sanitized)
        return before;
    std::thread([] {}).join();
    while (entries_of(TASKS) > before + 1)      // a joined one is still listed for a moment
        sched_yield();
    return entries_of(TASKS);
}

// Threads that look names up outlive the scheduler, with descriptors of libc's. The first call is
// made before there are any.
inline int descriptors_when_alone()
{
    static const int alone = threads_of_the_tools();
    while (entries_of("/proc/self/task") > alone)
        sched_yield();
    return entries_of("/proc/self/fd");
}

#endif
