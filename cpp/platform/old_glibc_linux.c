/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What glibc before 2.33 linked into each library instead of exporting it. Hidden, so that it is
 * ours alone. The other way, statx(2), is refused with EPERM by seccomp filters of that time.
 */
#include <sys/stat.h>

/* The version in which struct stat is the kernel's, as it is on every 64-bit machine. */
enum { KERNEL = 0 };

int __fxstat(int version, int fd, struct stat *status);
int __lxstat(int version, const char *path, struct stat *status);

int fstat(int fd, struct stat *status)
{
    return __fxstat(KERNEL, fd, status);
}

int lstat(const char *path, struct stat *status)
{
    return __lxstat(KERNEL, path, status);
}
