/* SPDX-License-Identifier: Apache-2.0 */
/* bench-touch BYTES: touches that much memory and ends. A virtual machine's host takes idle pages
 * back, and the first touch then costs several times as much; afterwards the next program finds
 * the pages backed. Huge pages only make it quick. */
#include <sys/mman.h>

#include "measure.h"

int main(int count, char **arguments)
{
    size_t size = count == 2 ? strtoull(arguments[1], NULL, 10) : 0;
    if (size == 0)
        return 2;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        measure_fail("mmap", errno);
    madvise(memory, size, MADV_HUGEPAGE);
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
    return 0;
}
