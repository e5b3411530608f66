/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-touch BYTES
 *   Touches that much memory and ends. A virtual machine's host takes idle pages back, and the first
 *   touch then costs several times as much; afterwards the next program finds the pages backed. Huge
 *   pages only make it quick.
 *
 * bench-touch [--slot-bytes N] park COUNT
 *   What a cold spawn cannot cost less than: one page of each of COUNT slots touched, at the top, where
 *   a stack begins. The figures `COUNT cold` and `COUNT memory`.
 */
#include <sys/mman.h>

#include "measure.h"

static char *map(size_t size)
{
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        measure_refuse("mmap", errno);
    return memory;
}

static void touch_all(size_t size)
{
    char *memory = map(size);
    madvise(memory, size, MADV_HUGEPAGE);
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
}

static void touch_slots(const char *name, size_t slot_bytes)
{
    size_t slots = strtoull(name, NULL, 10);
    int64_t before_bytes = measure_memory_bytes();
    char *memory = map(slots * slot_bytes);
    madvise(memory, slots * slot_bytes, MADV_NOHUGEPAGE);
    int64_t begin_ns = measure_now_ns();
    for (size_t i = 1; i <= slots; i++)
        memory[i * slot_bytes - 64] = 1;
    int64_t end_ns = measure_now_ns();
    int64_t bytes = measure_memory_bytes() - before_bytes;
    printf("%s cold %.3f\n", name, (double)(end_ns - begin_ns) / (double)slots);
    printf("%s memory %.3f\n", name, (double)bytes / (double)slots);
}

int main(int count, char **arguments)
{
    size_t slot_bytes = measure_option(&count, arguments, "--slot-bytes", 64 * 1024);
    if (count == 2 && !strcmp(arguments[1], "version")) {
        printf("one page in each %zu bytes\n", slot_bytes);
        return 0;
    }
    if (count == 3 && !strcmp(arguments[1], "park") && strtoull(arguments[2], NULL, 10) > 0) {
        touch_slots(arguments[2], slot_bytes);
        return 0;
    }
    size_t size = count == 2 ? strtoull(arguments[1], NULL, 10) : 0;
    if (size == 0)
        return 2;
    touch_all(size);
    return 0;
}
