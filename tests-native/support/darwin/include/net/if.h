/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../../README. */
#ifndef STRAND_TESTS_DARWIN_NET_IF_H
#define STRAND_TESTS_DARWIN_NET_IF_H

#define IF_NAMESIZE 16

unsigned int if_nametoindex(const char *name);

#endif
