/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHECK: an invariant that only a bug in Strand can break. It stays on in release builds, prints
 * one line and aborts. What the world does wrong is never a CHECK but a negative errno value.
 */
#ifndef STRAND_BASE_CHECK_H
#define STRAND_BASE_CHECK_H

__attribute__((noreturn, cold)) void strand_check_failed(const char *file, int line,
                                                         const char *condition);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            strand_check_failed(__FILE__, __LINE__, #condition);                                   \
    } while (0)

/* The structure that holds `member` at `pointer`. */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
