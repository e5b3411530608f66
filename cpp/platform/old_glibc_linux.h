/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the library in the jar, which is built on one machine and run on older ones.
 *
 * glibc 2.32 to 2.34 moved the threads into libc.so and gave what moved a new version, and a
 * library linked with that glibc asks for the new version. The functions are the same, and the old
 * versions are still there: this asks for those, in every C file (cmake/Portable.cmake includes
 * it). A symbol that is missing here shows in script/lib/check-jar. Source: glibc's Versions files,
 * and `ld`'s and `as`'s manuals on .symver.
 */
#ifndef STRAND_OLD_GLIBC_LINUX_H
#define STRAND_OLD_GLIBC_LINUX_H

#define STRAND_TEXT(words) #words
#define STRAND_OLD_SYMBOL(name, version) \
    __asm__(".symver " #name ", " #name "@GLIBC_" STRAND_TEXT(version))

/* What 2.38 has its headers call instead, for C23's binary numbers. */
#define STRAND_OLD_NAME(name, old, version) \
    __asm__(".symver " #name ", " #old "@GLIBC_" STRAND_TEXT(version))

STRAND_OLD_NAME(__isoc23_strtoul, strtoul, STRAND_GLIBC);
STRAND_OLD_NAME(__isoc23_fscanf, __isoc99_fscanf, STRAND_GLIBC_SCANF);
STRAND_OLD_SYMBOL(pthread_attr_setstacksize, STRAND_GLIBC);
STRAND_OLD_SYMBOL(pthread_condattr_setclock, STRAND_GLIBC_SETCLOCK);
STRAND_OLD_SYMBOL(pthread_create, STRAND_GLIBC);
STRAND_OLD_SYMBOL(pthread_key_create, STRAND_GLIBC);
STRAND_OLD_SYMBOL(pthread_once, STRAND_GLIBC);
STRAND_OLD_SYMBOL(pthread_sigmask, STRAND_GLIBC);
STRAND_OLD_SYMBOL(__fxstat, STRAND_GLIBC);
STRAND_OLD_SYMBOL(__lxstat, STRAND_GLIBC);

#endif
