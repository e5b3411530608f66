/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: a bare FIFO of stacks and nothing else. No ids, states, guards, timers, cancels, limits
 * or errors; what a scheduler costs is what it adds to this.
 *
 *   slot, 64 KiB  | unused ...  | frames | node | colour |  high
 *
 * The colour, a multiple of 128 bytes that differs from slot to slot, keeps the tops of many stacks
 * out of one cache set; on running a node the next one's is prefetched.
 */
#include <stddef.h>
#include <sys/mman.h>

#include "measure.h"

enum { SLOT_BYTES = 64 * 1024, COLOUR_BYTES = 128, COLOURS = 28, FRAME_WORDS = 8 };

struct node {
    void *sp;
    struct node *next;
    void (*fn)(void *);
    void *argument;
};

struct system_handle {
    struct node *node;
};

void ring_switch(void **from_sp, void *to_sp);

static struct node *head, **tail = &head, *current, *pool;
static void *carrier_sp;
static char *slots;
static size_t slots_used, slots_reserved;

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

static struct node *slot_take(void)
{
    if (pool) {
        struct node *node = pool;
        pool = node->next;
        return node;
    }
    if (slots_used == slots_reserved)
        measure_fail("ring: slots", ENOMEM);
    size_t colour = COLOUR_BYTES * (slots_used % COLOURS);
    char *top = slots + (slots_used + 1) * SLOT_BYTES - colour;
    slots_used++;
    return (struct node *)(void *)(top - COLOUR_BYTES);
}

static void system_spawn(void (*fn)(void *), void *argument)
{
    struct node *node = slot_take();
    void **frame = (void **)(void *)node - FRAME_WORDS;   /* ring_switch's, and a zero for alignment */
    memset(frame, 0, FRAME_WORDS * sizeof *frame);
    *(void (**)(void))(void *)&frame[6] = begin;
    node->sp = frame;
    node->fn = fn;
    node->argument = argument;
    push(node);
}

static void system_run(void (*root)(void *), void *argument)
{
    slots_reserved = 1000000 + 16;
    slots = mmap(NULL, slots_reserved * SLOT_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slots == MAP_FAILED)
        measure_fail("ring: mmap", errno);
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
    if (count == 2 && !strcmp(arguments[1], "version")) {
        printf("%d colours\n", COLOURS);
        return 0;
    }
    return count == 3 ? cases_main(arguments[1], arguments[2]) : 2;
}
