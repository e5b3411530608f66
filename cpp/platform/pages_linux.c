/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

size_t strand_pages_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

int strand_pages_reserve(size_t size_bytes, void **base)
{
    void *pages = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return -ENOMEM;
    /* EINVAL only where the kernel has no huge pages at all. */
    (void)madvise(pages, size_bytes, MADV_NOHUGEPAGE);
    *base = pages;
    return 0;
}

#define HUGE_PAGE_BYTES ((size_t)2 * 1024 * 1024)

int strand_pages_reserve_huge(size_t size_bytes, void **base)
{
    char *pages = mmap(NULL, size_bytes + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return -ENOMEM;
    size_t before = -(uintptr_t)pages % HUGE_PAGE_BYTES;
    if (before)
        munmap(pages, before);
    munmap(pages + before + size_bytes, HUGE_PAGE_BYTES - before);
    /* EINVAL where the kernel has no huge pages: then these are ordinary ones. */
    (void)madvise(pages + before, size_bytes, MADV_HUGEPAGE);
    *base = pages + before;
    return 0;
}

void strand_pages_release(void *base, size_t size_bytes)
{
    munmap(base, size_bytes);
}

int strand_pages_trim(void *base, size_t size_bytes)
{
    return madvise(base, size_bytes, MADV_DONTNEED) == 0 ? 0 : -errno;
}

int strand_pages_resident(void *base, size_t size_bytes, unsigned char *pages)
{
    return mincore(base, size_bytes, pages) == 0 ? 0 : -errno;
}
