/* SPDX-License-Identifier: Apache-2.0 */
/* Address space by the page. Sizes are multiples of strand_pages_size(). Any thread. */
#ifndef STRAND_PLATFORM_PAGES_H
#define STRAND_PLATFORM_PAGES_H

#include <stddef.h>

size_t strand_pages_size(void);

/*
 * Reserves private zero pages, readable and writable, that cost memory only where touched, with
 * huge pages kept away (2 MiB a strand otherwise). Strict overcommit (vm.overcommit_memory=2) and
 * RLIMIT_AS count all of it: where it is refused, ask for less. 0 or -ENOMEM.
 */
int strand_pages_reserve(size_t size_bytes, void **base);
/* The same in huge pages as far as the kernel has them, from a huge page's boundary on: for many
 * small neighbours. What is touched costs whole huge pages. */
int strand_pages_reserve_huge(size_t size_bytes, void **base);
void strand_pages_release(void *base, size_t size_bytes);

/* Sets one byte a page: bit 0 says whether it is in memory (mincore). 0 or -errno. */
int strand_pages_resident(void *base, size_t size_bytes, unsigned char *pages);

/* Gives touched pages back (MADV_DONTNEED: they read as zeros afterwards; MADV_FREE would let
 * memory look used). 0 or -errno. */
int strand_pages_trim(void *base, size_t size_bytes);

#endif
