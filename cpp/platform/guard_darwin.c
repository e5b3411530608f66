/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Darwin has no lightweight guards. mprotect splits an entry of the address space's map there too,
 * and no setting limits the entries: the kernel keeps them in memory of its own, and a process that
 * asks for too many brings the machine down instead of getting an error. So there is a cap of ours.
 */
#include "guard.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* A quarter of a million map entries, of some 80 bytes in the kernel: 20 MiB. */
enum { MOST_GUARDS = 128 * 1024 };

static atomic_size_t guards;
static atomic_bool refusal_told;

bool strand_guard_lightweight_works(void)
{
    return false;
}

int strand_guard_install_lightweight(void *low, size_t size_bytes)
{
    (void)low, (void)size_bytes;
    return -ENOSYS;
}

size_t strand_guard_install_many(void *first, size_t size_bytes, size_t stride_bytes, size_t count)
{
    (void)first, (void)size_bytes, (void)stride_bytes, (void)count;
    return 0;
}

size_t strand_guard_mprotect_cap(void)
{
    return MOST_GUARDS;
}

static int refuse(void)
{
    if (!atomic_exchange(&refusal_told, true)) {
        char text[160];
        int length = snprintf(text, sizeof text,
                              "strand: no more stacks: %zu guards by mprotect are the most that one"
                              " process gets; STRAND_GUARDS_NONE has no such limit\n",
                              atomic_load(&guards));
        if (write(STDERR_FILENO, text, (size_t)length) < 0)
            return -EAGAIN;
    }
    return -EAGAIN;
}

int strand_guard_install_mprotect(void *low, size_t size_bytes)
{
    if (atomic_fetch_add(&guards, 1) >= MOST_GUARDS) {
        strand_guard_forget_mprotect(1);
        return refuse();
    }
    if (mprotect(low, size_bytes, PROT_NONE) == 0)
        return 0;
    int error = errno;
    strand_guard_forget_mprotect(1);
    return error == ENOMEM ? refuse() : -error;
}

void strand_guard_forget_mprotect(size_t given_back)
{
    atomic_fetch_sub(&guards, given_back);
}
