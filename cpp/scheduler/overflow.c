/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handler may do: read memory of the carrier's own scheduler, and write(2). It runs on the
 * carrier's thread at an arbitrary instruction, perhaps inside malloc, so it locks and allocates
 * nothing, and formats by hand.
 */
#include "overflow.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "held.h"
#include "segments.h"

/* ---- The message ----------------------------------------------------------------------------- */

struct line {
    size_t length;
    char text[320];      /* longer than the longest: a name has at most 31 bytes */
};

static void add_bytes(struct line *line, const char *bytes, size_t length)
{
    size_t room = sizeof line->text - line->length;
    if (length > room)
        length = room;
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
}

static void add(struct line *line, const char *text)
{
    add_bytes(line, text, strlen(text));
}

static void add_number(struct line *line, uint64_t number, unsigned base)
{
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    add_bytes(line, digits + first, sizeof digits - first);
}

static void write_out(const struct line *line)
{
    size_t written = 0;
    while (written < line->length) {
        ssize_t now = write(STDERR_FILENO, line->text + written, line->length - written);
        if (now < 0 && errno != EINTR)
            return;
        if (now > 0)
            written += (size_t)now;
    }
}

/* A segment as the report sees it: the guard is [guard_low, low). */
struct segment {
    const char *guard_low, *low;
    size_t usable_bytes;
};

static void tell(const struct strand *strand, const struct segment *segment, const char *address)
{
    struct line line = {.length = 0};
    add(&line, "strand: stack overflow in strand ");
    add_number(&line, strand->id, 16);      /* as in dumps */
    if (strand_name(strand)[0]) {
        add(&line, " \"");
        add_bytes(&line, strand_name(strand), strnlen(strand_name(strand), STRAND_NAME_BYTES));
        add(&line, "\"");
    }
    add(&line, ": its segment of ");
    add_number(&line, segment->usable_bytes, 10);
    add(&line, " bytes is full (fault at 0x");
    add_number(&line, (uintptr_t)address, 16);
    add(&line, ", ");
    add_number(&line, (uint64_t)(segment->low - address), 10);
    add(&line, " bytes below it); raise stack_bytes, or call deep code by strand_call\n");
    write_out(&line);
}

/* ---- Whose guard it is ----------------------------------------------------------------------- */

static struct segment segment_on(const struct strand_stack *stack)
{
    return (struct segment){
        .guard_low = strand_stack_guard_low(stack),
        .low = stack->low,
        .usable_bytes = strand_stack_counted_bytes(stack),
    };
}

static bool tell_if_below(const struct strand_stack *stack, const struct strand *strand,
                          const char *address)
{
    struct segment segment = segment_on(stack);
    if (address < segment.guard_low || address >= segment.low)
        return false;
    tell(strand, &segment, address);
    return true;
}

/* On the segment that it runs on. */
static bool tell_if_overflown(const struct strand *strand, const char *address)
{
    return strand->kind != STRAND_HOSTED &&
           tell_if_below(strand_segments_stack(strand), strand, address);
}

/* A strand that ends has given its stack back just before it leaves it. */
static bool tell_of_one_that_ends(const struct strand_stack_pool *pool, const char *address)
{
    for (unsigned class = 0; class < STRAND_STACK_CLASS_COUNT; class++) {
        char *top = strand_stack_at_hand(&pool->classes[class]);
        const struct strand *last = top ? strand_control_at(top) : NULL;
        if (last && last->stack_low && tell_if_below(&last->stack, last, address))
            return true;
    }
    return false;
}

struct search {
    const char *address;
    bool told;
};

static void look_at_one(struct strand *strand, void *context)
{
    struct search *search = context;
    search->told = search->told || tell_if_overflown(strand, search->address);
}

/*
 * A strand that leaves the carrier is no longer current when the switch pushes its registers, and
 * in code that yields or parks at every depth that push is often the first to reach the guard. Such
 * a fault is rare, and deadly: there is time to ask every strand. Others' faults do not come so
 * far, since their addresses lie in no arena.
 */
static bool tell_of_one_that_leaves(strand_scheduler *s, const char *address)
{
    struct search search = {.address = address};
    if (s->departed && tell_if_overflown(s->departed, address))
        return true;
    if (strand_stack_pool_holds(s->stacks, address) ||
        strand_stack_pool_holds(s->guest_stacks, address))
        strand_scheduler_visit(s, look_at_one, &search);
    return search.told || tell_of_one_that_ends(s->stacks, address);
}

static bool look(const void *address)
{
    strand_scheduler *s = strand_held_here;
    if (!s || !s->overflow.wanted)
        return false;
    if (s->current && tell_if_overflown(s->current, address))
        return true;
    return tell_of_one_that_leaves(s, address);
}

/* ---- On and off ------------------------------------------------------------------------------ */

void strand_overflow_arm(strand_scheduler *s)
{
    s->overflow.armed = true;
    if (!s->overflow.wanted)
        return;
    if (!s->overflow.watched)
        s->overflow.watched = strand_fault_watch(look) == 0;
    if (!s->overflow.stack)
        s->overflow.stack = strand_fault_stack_create();
    if (s->overflow.stack)
        strand_fault_stack_give(s->overflow.stack);
}

void strand_overflow_disarm(strand_scheduler *s)
{
    if (s->overflow.armed && s->overflow.stack && !strand_fault_stack_take_back(s->overflow.stack))
        s->overflow.stack = NULL;
    s->overflow.armed = false;
}

void strand_overflow_close(strand_scheduler *s)
{
    if (s->overflow.stack)
        strand_fault_stack_destroy(s->overflow.stack);
    if (s->overflow.watched)
        strand_fault_unwatch();
}
