// SPDX-License-Identifier: Apache-2.0
#include "counted_memory.h"

#include <malloc.h>

CountedMemory counted;

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

extern "C" {

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static void *given(void *memory)
{
    if (!memory)
        return nullptr;
    counted.calls++;
    size_t live = counted.live += malloc_usable_size(memory);
    if (live > counted.most)
        counted.most = live;
    return memory;
}

static void taken(void *memory)
{
    if (memory)
        counted.live -= malloc_usable_size(memory);
}

void *malloc(size_t size) { return given(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return given(__libc_calloc(count, size)); }
void *aligned_alloc(size_t alignment, size_t size)
{
    return given(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    *out = given(__libc_memalign(alignment, size));
    return *out ? 0 : 12;
}

void *realloc(void *old, size_t size)
{
    size_t before = old ? malloc_usable_size(old) : 0;
    void *memory = __libc_realloc(old, size);
    if (memory || size == 0)
        counted.live -= before;
    return given(memory);
}

void free(void *memory)
{
    taken(memory);
    __libc_free(memory);
}

} // extern "C"

#endif
