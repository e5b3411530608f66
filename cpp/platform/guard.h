/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards: ranges whose touch is a fault. Lightweight ones (MADV_GUARD_INSTALL, Linux 6.13) split no
 * mapping; mprotect splits one each time, and vm.max_map_count (65,530 by default) ends that at
 * 32,752 stacks. The kernel is probed by effect, since qemu-user 7.2 accepts the advice and does
 * nothing: write(2) from a guarded page must give EFAULT. Any thread.
 */
#ifndef STRAND_PLATFORM_GUARD_H
#define STRAND_PLATFORM_GUARD_H

#include <stdbool.h>
#include <stddef.h>

bool strand_guard_lightweight_works(void);   /* probed once, then remembered */

/* 0, -EAGAIN when the process has spent its share of mappings (mprotect only; the message names
 * vm.max_map_count), or what the call says. */
int strand_guard_install_lightweight(void *low, size_t size_bytes);
/* `count` lightweight guards of size_bytes each, stride_bytes apart, in few system calls where the
 * kernel takes many at once (process_madvise on oneself, Linux 6.14; probed by effect too): how many
 * were installed, the first ones. Fewer than count, also 0: try the next by itself. */
size_t strand_guard_install_many(void *first, size_t size_bytes, size_t stride_bytes,
                                 size_t count);
int strand_guard_install_mprotect(void *low, size_t size_bytes);
void strand_guard_forget_mprotect(size_t guards);   /* so many went with their mapping */

/* How many mprotect guards a process may hold: half of vm.max_map_count, less an eighth of it for
 * others. */
size_t strand_guard_mprotect_cap(void);

#endif
