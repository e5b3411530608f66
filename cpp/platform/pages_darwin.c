/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* 16 KiB on arm64, 4 KiB on x86_64. */
size_t strand_pages_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Darwin commits memory by the touch whatever was asked for, and makes no huge pages by itself. */
int strand_pages_reserve(size_t size_bytes, void **base)
{
    void *pages =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (pages == MAP_FAILED)
        return -ENOMEM;
    *base = pages;
    return 0;
}

/* Its huge pages are for processes that ask Mach for wired memory: these are ordinary ones. */
int strand_pages_reserve_huge(size_t size_bytes, void **base)
{
    return strand_pages_reserve(size_bytes, base);
}

void strand_pages_release(void *base, size_t size_bytes)
{
    munmap(base, size_bytes);
}

/* Fresh pages in the old ones' place. Darwin's MADV_DONTNEED is a hint that frees nothing, and
 * after MADV_FREE or MADV_FREE_REUSABLE the old bytes may still be read.
 * A guard in the range would be gone too: trim what lies above it. */
int strand_pages_trim(void *base, size_t size_bytes)
{
    void *pages = mmap(base, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED,
                       -1, 0);
    return pages == MAP_FAILED ? -errno : 0;
}

/* mincore(2): bit 0 is MINCORE_INCORE. */
int strand_pages_resident(void *base, size_t size_bytes, unsigned char *pages)
{
    return mincore(base, size_bytes, (char *)pages) == 0 ? 0 : -errno;
}
