/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_UNISTD_H
#define STRAND_TESTS_DARWIN_UNISTD_H

#include <sys/types.h>

#define STDERR_FILENO 2
#define _SC_PAGESIZE 29

ssize_t read(int fd, void *to, size_t size);
ssize_t write(int fd, const void *from, size_t size);
int close(int fd);
int pipe(int ends[2]);
int isatty(int fd);
int ttyname_r(int fd, char *name, size_t size);
int unlink(const char *path);
long sysconf(int name);
__attribute__((noreturn)) void _exit(int status);

#endif
