/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: a bare FIFO of stacks and nothing else. No ids, states, guards, timers, cancels, limits
 * or errors; what a scheduler costs is what it adds to this.
 *
 *   bench-ring [--slot-bytes N] [--colours N] [--colour-bytes N] [--huge-pages] GROUP CASE
 *
 *   slot, N bytes | unused ...  | frames | colour |  high
 *
 * The slots' size decides how many lines and translations a switch misses at a million strands, so
 * it is given: a fair floor lies on the same slots as what stands on it. The colour, a multiple that
 * differs from slot to slot, keeps the tops of many stacks out of one cache set. The nodes lie in an
 * array of their own; while one runs, the next one's frames and the node after it are on their way.
 */
#include <stddef.h>
#include <sys/mman.h>

#include "measure.h"

enum {
    SLOTS = 1000000 + 16,
    NODE_BYTES = 128,           /* two lines, which the processor fetches together */
    FRAME_WORDS = 8,            /* ring_switch's seven, and a zero where a return address would be */
    HUGE_PAGE_BYTES = 2 * 1024 * 1024,
};

struct node {
    _Alignas(NODE_BYTES) void *sp;
    struct node *next;
    void (*fn)(void *);
    void *argument;
    char *top;
};

struct system_handle {
    struct node *node;
};

void ring_switch(void **from_sp, void *to_sp);

static struct {
    size_t slot_bytes, colours, colour_bytes;
    int huge_pages;
} shape = {64 * 1024, 8, 128, 0};

static struct node *head, **tail = &head, *current, *pool, *nodes;
static void *carrier_sp;
static char *slots;
static size_t slots_used;

static void push(struct node *node)
{
    node->next = NULL;
    *tail = node;
    tail = &node->next;
}

/* Continues the next node, or the carrier when there is none. */
static void leave(struct node *from)
{
    struct node *to = head;
    if (!to) {
        current = NULL;
        ring_switch(&from->sp, carrier_sp);
        return;
    }
    head = to->next;
    if (head) {
        __builtin_prefetch(head->sp);
        __builtin_prefetch((char *)head->sp + 64);
        __builtin_prefetch(head->next);
    } else {
        tail = &head;
    }
    current = to;
    ring_switch(&from->sp, to->sp);
}

/* The node goes to the pool before its stack is left: nobody else runs in between. */
static void begin(void)
{
    struct node *self = current;
    self->fn(self->argument);
    self->next = pool;
    pool = self;
    leave(self);
    abort();
}

static struct node *node_take(void)
{
    if (pool) {
        struct node *node = pool;
        pool = node->next;
        return node;
    }
    if (slots_used == SLOTS)
        measure_fail("ring: slots", ENOMEM);
    struct node *node = &nodes[slots_used];
    size_t colour = shape.colour_bytes * (slots_used % shape.colours);
    slots_used++;
    node->top = slots + slots_used * shape.slot_bytes - 64 - colour;
    return node;
}

static void system_spawn(void (*fn)(void *), void *argument)
{
    struct node *node = node_take();
    void **frame = (void **)(void *)node->top - FRAME_WORDS;
    memset(frame, 0, FRAME_WORDS * sizeof *frame);
    *(void (**)(void))(void *)&frame[6] = begin;
    node->sp = frame;
    node->fn = fn;
    node->argument = argument;
    push(node);
}

static void *map(size_t size)
{
    char *memory = mmap(NULL, size + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        measure_refuse("mmap", errno);
    return memory + (HUGE_PAGE_BYTES - (uintptr_t)memory % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
}

static void system_run(void (*root)(void *), void *argument)
{
    nodes = map(SLOTS * sizeof *nodes);
    slots = map(SLOTS * shape.slot_bytes);
    if (shape.huge_pages && madvise(slots, SLOTS * shape.slot_bytes, MADV_HUGEPAGE) != 0)
        measure_refuse("huge pages", errno);
    system_spawn(root, argument);
    current = head;
    head = NULL;
    tail = &head;
    ring_switch(&carrier_sp, current->sp);
}

static void system_yield(void)
{
    struct node *self = current;
    if (!head)
        return;
    push(self);
    leave(self);
}

static void system_park(struct system_handle *handle)
{
    handle->node = current;
    leave(current);
}

static void system_wake(struct system_handle *handle)
{
    push(handle->node);
}

#include "cases.h"

int main(int count, char **arguments)
{
    shape.huge_pages = measure_flag(&count, arguments, "--huge-pages");
    shape.slot_bytes = measure_option(&count, arguments, "--slot-bytes", shape.slot_bytes);
    shape.colours = measure_option(&count, arguments, "--colours", shape.colours);
    shape.colour_bytes = measure_option(&count, arguments, "--colour-bytes", shape.colour_bytes);
    if (shape.slot_bytes < 2048 || shape.slot_bytes % 64 != 0 || shape.colours == 0 ||
        shape.colour_bytes % 64 != 0 || shape.colours * shape.colour_bytes > shape.slot_bytes / 2)
        return 2;
    if (count == 2 && !strcmp(arguments[1], "version")) {
        printf("slots of %zu bytes%s, %zu colours of %zu\n", shape.slot_bytes,
               shape.huge_pages ? " in huge pages" : "", shape.colours, shape.colour_bytes);
        return 0;
    }
    return count == 3 ? cases_main(arguments[1], arguments[2]) : 2;
}
