/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_LIMITS_H
#define STRAND_TESTS_DARWIN_LIMITS_H

#define PATH_MAX 1024
#define PIPE_BUF 512
#define IOV_MAX 1024
#define SSIZE_MAX __LONG_MAX__

#endif
