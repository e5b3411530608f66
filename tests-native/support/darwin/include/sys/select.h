/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../../README. */
#ifndef STRAND_TESTS_DARWIN_SYS_SELECT_H
#define STRAND_TESTS_DARWIN_SYS_SELECT_H

#include <sys/time.h>

#define FD_SETSIZE 1024
typedef struct {
    int32_t fds_bits[FD_SETSIZE / 32];
} fd_set;
#define FD_ZERO(set) __builtin_memset(set, 0, sizeof(fd_set))
#define FD_SET(fd, set) ((set)->fds_bits[(unsigned long)(fd) / 32] |= 1 << ((unsigned long)(fd) % 32))

int select(int count, fd_set *reading, fd_set *writing, fd_set *errors, struct timeval *timeout);

#endif
