/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pages.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#ifndef PIDFD_SELF
#define PIDFD_SELF (-10000)     /* no descriptor that a child of a fork could use on its parent */
#endif

/* A batch is installed on the stack of whoever spawns, perhaps a small strand: 1 KiB at a time. */
#define AT_ONCE 64

enum { UNKNOWN, WORKS, BROKEN };

static atomic_int lightweight = UNKNOWN;
static atomic_int batches = UNKNOWN;
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

static bool remembered(atomic_int *state, int (*probe)(void))
{
    int known = atomic_load_explicit(state, memory_order_relaxed);
    if (known == UNKNOWN) {
        int works = probe();
        if (works < 0)
            return false;   /* out of memory or descriptors now: ask again next time */
        known = works ? WORKS : BROKEN;
        atomic_store_explicit(state, known, memory_order_relaxed);
    }
    return known == WORKS;
}

bool strand_guard_lightweight_works(void)
{
    return remembered(&lightweight, probe_lightweight);
}

int strand_guard_install_lightweight(void *low, size_t size_bytes)
{
    return madvise(low, size_bytes, MADV_GUARD_INSTALL) == 0 ? 0 : -errno;
}

/* How many of `count`, at most AT_ONCE, the kernel installed; it reports bytes. */
static size_t install_at_once(char *first, size_t size_bytes, size_t stride_bytes, size_t count)
{
    struct iovec ranges[AT_ONCE];
    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct iovec){first + i * stride_bytes, size_bytes};
    long advised = syscall(SYS_process_madvise, PIDFD_SELF, ranges, count, MADV_GUARD_INSTALL, 0);
    return advised > 0 ? (size_t)advised / size_bytes : 0;
}

/* Of four pages the second and the fourth are guarded, and only they. */
static int probe_batches(void)
{
    size_t page_bytes = strand_pages_size();
    void *pages;
    if (strand_pages_reserve(4 * page_bytes, &pages) != 0)
        return -1;
    char *first = pages;
    int works = 0;
    if (install_at_once(first + page_bytes, page_bytes, 2 * page_bytes, 2) == 2) {
        works = 1;
        for (size_t page = 0; page < 4 && works == 1; page++) {
            int refused = guarded_page_is_refused(first + page * page_bytes);
            works = refused < 0 ? -1 : refused == (int)(page & 1);
        }
    }
    strand_pages_release(pages, 4 * page_bytes);
    return works;
}

size_t strand_guard_install_many(void *first, size_t size_bytes, size_t stride_bytes, size_t count)
{
    if (!remembered(&batches, probe_batches))
        return 0;
    size_t installed = 0;
    while (installed < count) {
        size_t asked = count - installed < AT_ONCE ? count - installed : AT_ONCE;
        size_t done = install_at_once((char *)first + installed * stride_bytes, size_bytes,
                                      stride_bytes, asked);
        installed += done;
        if (done < asked)
            break;
    }
    return installed;
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
