/* SPDX-License-Identifier: Apache-2.0 */
/* libdill, on 64 KiB stacks from one mapping, last used first, as Boost.Fiber's are. That is kinder
 * to it than its own allocator, whose guard pages end at vm.max_map_count. A parked one receives
 * from the one channel they all share. */
#define DILL_DISABLE_RAW_NAMES
#include <libdill.h>
#include <sys/mman.h>

#include "measure.h"

enum { SLOTS = 1000000 + 16, SLOT_BYTES = 64 * 1024 };

struct system_handle {
    char nothing;              /* the channel knows who waits, and in which order */
};

static int bundle, gate[2];
static char *slots, **pool;
static size_t slots_used, pooled;

static char *slot_take(void)
{
    if (pooled > 0)
        return pool[--pooled];
    if (slots_used == SLOTS)
        measure_fail("libdill: slots", ENOMEM);
    return slots + slots_used++ * SLOT_BYTES;
}

/* The slot goes to the pool before its stack is left: nobody else runs in between. */
static dill_coroutine void body(void (*fn)(void *), void *argument, char *slot)
{
    fn(argument);
    pool[pooled++] = slot;
}

static void system_spawn(void (*fn)(void *), void *argument)
{
    char *slot = slot_take();
    if (dill_bundle_go_mem(bundle, body(fn, argument, slot), slot, SLOT_BYTES) < 0)
        measure_fail("go", errno);
}

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        measure_refuse("mmap", errno);
    return memory;
}

static void system_run(void (*root)(void *), void *argument)
{
    pool = map(SLOTS * sizeof *pool);
    slots = map((size_t)SLOTS * SLOT_BYTES);
    bundle = dill_bundle();
    if (bundle < 0 || dill_chmake(gate) < 0)
        measure_fail("libdill", errno);
    system_spawn(root, argument);
    if (dill_bundle_wait(bundle, -1) < 0)
        measure_fail("bundle_wait", errno);
}

static void system_yield(void)
{
    dill_yield();
}

static void system_park(struct system_handle *handle)
{
    if (dill_chrecv(gate[0], &handle->nothing, sizeof handle->nothing, -1) < 0)
        measure_fail("chrecv", errno);
}

static void system_wake(struct system_handle *handle)
{
    char nothing = handle->nothing;
    if (dill_chsend(gate[1], &nothing, sizeof nothing, -1) < 0)
        measure_fail("chsend", errno);
}

#include "cases.h"

int main(int count, char **arguments)
{
    if (count == 2 && !strcmp(arguments[1], "version")) {
        printf("interface %d.%d\n", DILL_VERSION_CURRENT, DILL_VERSION_REVISION);
        return 0;
    }
    cases_ways.starts_at_once = 1;
    return count == 3 ? cases_main(arguments[1], arguments[2]) : 2;
}
