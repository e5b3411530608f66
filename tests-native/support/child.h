// SPDX-License-Identifier: Apache-2.0
// A child process that may die, what it said on standard error, and memory shared with it.
#ifndef STRAND_TESTS_CHILD_H
#define STRAND_TESTS_CHILD_H

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "../environment.h"

struct Outcome {
    int status = 0;
    std::string err;

    bool died_of(int number) const { return WIFSIGNALED(status) && WTERMSIG(status) == number; }
    bool exited_with(int code) const { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
};

inline std::ostream &operator<<(std::ostream &out, const Outcome &outcome)
{
    if (WIFSIGNALED(outcome.status))
        out << "died of signal " << WTERMSIG(outcome.status);
    else
        out << "exited with " << WEXITSTATUS(outcome.status);
    return out << ", saying: " << outcome.err;
}

constexpr int CAME_TO_ITS_END = 99;
constexpr unsigned CHILD_SECONDS = 60;   // a child that hangs dies of SIGALRM

// Runs body; it exits with CAME_TO_ITS_END unless it ends otherwise.
inline Outcome in_child(const std::function<void()> &body)
{
    int ends[2];
    Outcome outcome;
    EXPECT_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(CHILD_SECONDS);
        body();
        _exit(CAME_TO_ITS_END);
    }
    close(ends[1]);
    char buffer[4096];
    for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;)
        outcome.err.append(buffer, static_cast<size_t>(count));
    close(ends[0]);
    EXPECT_EQ(waitpid(child, &outcome.status, 0), child);
    outcome.err = without_notices(outcome.err);
    return outcome;
}

// One T that parent and child both see.
template <typename T>
class Shared {
public:
    Shared()
        : memory(static_cast<T *>(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)))
    {
        EXPECT_NE(static_cast<void *>(memory), MAP_FAILED);
    }
    ~Shared() { munmap(memory, sizeof(T)); }
    Shared(const Shared &) = delete;
    Shared &operator=(const Shared &) = delete;

    T *operator->() const { return memory; }
    T *get() const { return memory; }

private:
    T *memory;
};

#endif
