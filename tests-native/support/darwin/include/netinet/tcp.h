/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../../README. */
#ifndef STRAND_TESTS_DARWIN_NETINET_TCP_H
#define STRAND_TESTS_DARWIN_NETINET_TCP_H

#define TCP_NODELAY 0x1

#endif
