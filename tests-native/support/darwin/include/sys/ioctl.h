/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../../README. */
#ifndef STRAND_TESTS_DARWIN_SYS_IOCTL_H
#define STRAND_TESTS_DARWIN_SYS_IOCTL_H

#include <sys/ttycom.h>

int ioctl(int fd, unsigned long request, ...);

#endif
