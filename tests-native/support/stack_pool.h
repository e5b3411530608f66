// SPDX-License-Identifier: Apache-2.0
// Pools for tests, and looks at memory that do not die of what they find.
#ifndef STRAND_TESTS_SUPPORT_STACK_POOL_H
#define STRAND_TESTS_SUPPORT_STACK_POOL_H

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

extern "C" {
#include "guard.h"
#include "pages.h"
#include "stack.h"
}

constexpr size_t KiB = 1024;
constexpr size_t class_bytes[] = {4 * KiB,  8 * KiB, 16 * KiB, 64 * KiB, 256 * KiB, 1024 * KiB, 8192 * KiB};
constexpr unsigned usual = STRAND_STACK_64K;
constexpr unsigned smallest = STRAND_STACK_8K, end_of_classes = STRAND_STACK_CLASS_COUNT;

constexpr size_t control_bytes = 400;

inline strand_stack_guards best_guards()
{
    return strand_guard_lightweight_works() ? STRAND_STACK_GUARDS_LIGHTWEIGHT
                                            : STRAND_STACK_GUARDS_MPROTECT;
}

struct Pool {
    strand_stack_pool *pool = nullptr;
    std::vector<strand_stack> taken;

    explicit Pool(const strand_stack_pool_options &options)
    {
        EXPECT_EQ(strand_stack_pool_create(&options, &pool), 0);
    }
    explicit Pool(strand_stack_guards guards = best_guards())
        : Pool(strand_stack_pool_options{guards, control_bytes, nullptr})
    {
    }
    ~Pool()
    {
        give_all();
        strand_stack_pool_destroy(pool);
    }
    void give_all()
    {
        for (strand_stack &stack : taken)
            strand_stack_release(&stack);
        taken.clear();
    }
    int take(unsigned size_class = usual)
    {
        strand_stack stack;
        int status = strand_stack_acquire(pool, size_class, &stack);
        if (status == 0)
            taken.push_back(stack);
        return status;
    }
    strand_stack_counts counts() const
    {
        strand_stack_counts counts;
        strand_stack_pool_count(pool, &counts);
        return counts;
    }
};

// The kernel's own touch: EFAULT instead of a signal.
inline bool faults(const char *byte)
{
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    bool fault = write(ends[1], byte, 1) < 0 && errno == EFAULT;
    close(ends[0]);
    close(ends[1]);
    return fault;
}

inline size_t mappings()
{
    FILE *file = fopen("/proc/self/maps", "re");
    size_t lines = 0;
    for (int c; (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

#endif
