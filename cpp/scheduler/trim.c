/* SPDX-License-Identifier: Apache-2.0 */
#include "trim.h"

#include "clock.h"
#include "scheduler.h"
#include "segments.h"
#include "sweep.h"

static const int64_t MS = 1000000;

/* How long a strand must have been parked, and the least time from sweep to sweep. */
#define IDLE_NS (400 * MS)
/* A piece of a sweep while strands wait for the carrier, and then a pause of so many pieces; while
 * none does, a piece until the next look outside. */
#define BUSY_PIECE_NS (MS / 50)
#define BUSY_PAUSES 50
#define IDLE_PIECE_NS MS
/* After a sweep of a million slots, a pause in proportion. */
#define PAUSES 4

enum {
    SLOTS_A_STEP = 16,
    SWEEPS = 2,
    BELOW_SP = 256,     /* more than any ABI's red zone */
};

_Static_assert(STRAND_CONTROL_PLACE_BYTES % 8 == 0, "a place for the control block");

/* Only the holder makes a strand PARKED. A block that another thread is writing just now (a spawn)
 * is NEW or what an ended strand left, and either is no business of ours: hence no report of a
 * race, and nothing else is read of it. */
__attribute__((no_sanitize("thread", "address"))) static bool is_parked(const struct strand *strand)
{
    return *(const volatile uint8_t *)&strand->state == STRAND_PARKED;
}

/* What a parked strand has below its stack pointer is dead. It was so at the last sweep already,
 * if it had been parked long enough then: nothing has run on it since. */
static enum strand_stack_use use_of(void *context, char *top, const struct strand_stack **stack,
                                    char **sp)
{
    const strand_scheduler *s = context;
    const struct strand *strand = strand_control_at(top);
    if (!is_parked(strand))
        return STRAND_STACK_UNKNOWN;
    int64_t idle_from_ns = strand->wait.since_ns + IDLE_NS;
    if (idle_from_ns > s->trim.begun_ns || idle_from_ns <= s->trim.looked_ns)
        return STRAND_STACK_BUSY;
    *stack = strand_segments_stack(strand);
    *sp = (char *)strand_context_sp(&strand->context) - BELOW_SP;
    if (*sp < (*stack)->low || *sp >= (*stack)->low + (*stack)->size_bytes)
        return STRAND_STACK_BUSY;      /* on a segment of libgcc's */
    return STRAND_STACK_IDLE;
}

static void begin(strand_scheduler *s, int64_t now_ns)
{
    s->trim.sweeping = true;
    s->trim.guests = false;
    s->trim.begun_ns = now_ns;
    s->trim.spent_ns = 0;
    strand_stack_sweep_begin(s->stacks);
    pthread_mutex_lock(&s->guest_lock);
    strand_stack_sweep_begin(s->guest_stacks);
    pthread_mutex_unlock(&s->guest_lock);
}

/* A few slots; false when the sweep is over. */
static bool step(strand_scheduler *s)
{
    if (!s->trim.guests) {
        s->trim.guests = !strand_stack_sweep(s->stacks, SLOTS_A_STEP, use_of, s);
        return true;
    }
    pthread_mutex_lock(&s->guest_lock);
    bool more = strand_stack_sweep(s->guest_stacks, SLOTS_A_STEP, use_of, s);
    pthread_mutex_unlock(&s->guest_lock);
    return more;
}

static void end(strand_scheduler *s)
{
    s->trim.sweeping = false;
    s->trim.looked_ns = s->trim.begun_ns;
    s->trim.sweeps_left -= s->trim.sweeps_left > 0;
    s->trim.due_ns = s->trim.begun_ns + IDLE_NS;
    if (s->trim.due_ns < s->now_ns + PAUSES * s->trim.spent_ns)
        s->trim.due_ns = s->now_ns + PAUSES * s->trim.spent_ns;
}

static void piece(strand_scheduler *s, bool ready)
{
    int64_t from_ns = s->now_ns, piece_ns = ready ? BUSY_PIECE_NS : IDLE_PIECE_NS;
    bool more;
    do {
        more = step(s);
        s->now_ns = strand_clock_now_ns();
    } while (more && s->now_ns - from_ns < piece_ns);
    s->trim.spent_ns += s->now_ns - from_ns;
    s->trim.due_ns = ready ? s->now_ns + BUSY_PAUSES * (s->now_ns - from_ns) : s->now_ns;
    if (!more)
        end(s);
}

/* Asks for sweeps when strands have run; a scheduler of hosted ones alone has no stacks. */
static bool wanted(strand_scheduler *s)
{
    uint64_t switches = strand_scheduler_switches(s);
    if (s->trim.switches_seen != switches) {
        s->trim.switches_seen = switches;
        if (strand_counter_read(&s->stacks->bytes_reserved) ||
            strand_counter_read(&s->guest_stacks->bytes_reserved))
            s->trim.sweeps_left = SWEEPS;
    }
    return s->trim.sweeping || s->trim.sweeps_left;
}

int64_t strand_trim_due_ns(strand_scheduler *s)
{
    return wanted(s) ? s->trim.due_ns : STRAND_FOREVER;
}

void strand_trim_tick(strand_scheduler *s, bool ready)
{
    if (!wanted(s) || s->now_ns < s->trim.due_ns)
        return;
    if (!s->trim.sweeping)
        begin(s, s->now_ns);
    piece(s, ready);
}

void strand_trim_sweep(strand_scheduler *s, int64_t now_ns)
{
    begin(s, now_ns);
    while (step(s))
        continue;
    end(s);
}
