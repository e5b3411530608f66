/* SPDX-License-Identifier: Apache-2.0 */
/* Who called whom, for people: addresses by the unwinder, names by the dynamic linker. */
#ifndef STRAND_PLATFORM_BACKTRACE_H
#define STRAND_PLATFORM_BACKTRACE_H

/* Return addresses, this function's own first; so many, at most `most`. 0 where there is no
 * unwinder. The first call may allocate. */
int strand_backtrace(void **frames, int most);

/* "file(function+0x12) [0x1234]" for each; a function that is not exported is an offset of its
 * file. One block for free(); NULL: no memory, or not on this system. */
char **strand_backtrace_names(void *const *frames, int count);

#endif
