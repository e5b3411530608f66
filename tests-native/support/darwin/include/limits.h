/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_LIMITS_H
#define STRAND_TESTS_DARWIN_LIMITS_H

#define PIPE_BUF 512
#define SSIZE_MAX __LONG_MAX__

#endif
