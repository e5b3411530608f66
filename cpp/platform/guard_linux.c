/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pages.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { UNKNOWN, WORKS, BROKEN };

static atomic_int lightweight = UNKNOWN;
static atomic_size_t mprotect_guards;
static atomic_bool refusal_told;

/* 1: a guarded page is refused by the kernel, 0: it is not, -1: there was no pipe to try with. */
static int guarded_page_is_refused(void *page)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    int refused = write(ends[1], page, 1) < 0 && errno == EFAULT;
    close(ends[0]);
    close(ends[1]);
    return refused;
}

static int probe_lightweight(void)
{
    size_t size_bytes = strand_pages_size();
    void *page;
    if (strand_pages_reserve(size_bytes, &page) != 0)
        return -1;
    int works = 0;
    if (madvise(page, size_bytes, MADV_GUARD_INSTALL) == 0)
        works = guarded_page_is_refused(page);
    strand_pages_release(page, size_bytes);
    return works;
}

bool strand_guard_lightweight_works(void)
{
    int known = atomic_load_explicit(&lightweight, memory_order_relaxed);
    if (known == UNKNOWN) {
        int works = probe_lightweight();
        if (works < 0)
            return false;   /* out of memory or descriptors now: ask again next time */
        known = works ? WORKS : BROKEN;
        atomic_store_explicit(&lightweight, known, memory_order_relaxed);
    }
    return known == WORKS;
}

int strand_guard_install_lightweight(void *low, size_t size_bytes)
{
    return madvise(low, size_bytes, MADV_GUARD_INSTALL) == 0 ? 0 : -errno;
}

/* Each guard costs two mappings, itself and the stack above it. An eighth of the limit stays with
 * the rest of the process: a JVM with many libraries has one or two thousand mappings. */
size_t strand_guard_mprotect_cap(void)
{
    unsigned long limit = 65530;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    if (file) {
        if (fscanf(file, "%lu", &limit) != 1)
            limit = 65530;
        fclose(file);
    }
    return (limit - limit / 8) / 2;
}

static int refuse(void)
{
    if (!atomic_exchange(&refusal_told, true)) {
        char text[160];
        int length = snprintf(text, sizeof text,
                              "strand: no more stacks: %zu guards by mprotect use up this process's"
                              " share of vm.max_map_count; raise it\n",
                              atomic_load(&mprotect_guards));
        if (write(STDERR_FILENO, text, (size_t)length) < 0)
            return -EAGAIN;
    }
    return -EAGAIN;
}

int strand_guard_install_mprotect(void *low, size_t size_bytes)
{
    static atomic_size_t cap;   /* read once: it costs three system calls */
    size_t limit = atomic_load_explicit(&cap, memory_order_relaxed);
    if (limit == 0) {
        limit = strand_guard_mprotect_cap();
        atomic_store_explicit(&cap, limit, memory_order_relaxed);
    }
    if (atomic_fetch_add(&mprotect_guards, 1) >= limit) {
        strand_guard_forget_mprotect(1);
        return refuse();
    }
    if (mprotect(low, size_bytes, PROT_NONE) == 0)
        return 0;
    int error = errno;
    strand_guard_forget_mprotect(1);
    return error == ENOMEM ? refuse() : -error;   /* ENOMEM: others hold the mappings */
}

void strand_guard_forget_mprotect(size_t guards)
{
    atomic_fetch_sub(&mprotect_guards, guards);
}
