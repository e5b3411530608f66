/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_UNISTD_H
#define STRAND_TESTS_DARWIN_UNISTD_H

#include <sys/types.h>

#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
#define SEEK_SET 0
#define _SC_PAGESIZE 29
#define _SC_PAGE_SIZE _SC_PAGESIZE
#define _SC_NPROCESSORS_ONLN 58

ssize_t read(int fd, void *to, size_t size);
ssize_t write(int fd, const void *from, size_t size);
int close(int fd);
int dup(int fd);
int dup2(int fd, int other);
int pipe(int ends[2]);
off_t lseek(int fd, off_t offset, int from);
int isatty(int fd);
int ttyname_r(int fd, char *name, size_t size);
int unlink(const char *path);
pid_t getpid(void);
pid_t fork(void);
long sysconf(int name);
__attribute__((noreturn)) void _exit(int status);

#endif
