// SPDX-License-Identifier: Apache-2.0
#include "split_stack_frames.h"

// Apart, so that the linker gives room for other code to these calls alone.
__attribute__((noinline)) static void pause_in(split_descent *descent)
{
    descent->pause(descent->argument);
}

extern "C" __attribute__((noinline)) uint64_t split_descend(split_descent *descent, uint64_t depth)
{
    volatile uint64_t locals[4] = {depth, ~depth, depth * 3, depth + 7};
    uint64_t returned = 1;
    if (depth < descent->frames) {
        if (descent->every && depth % descent->every == 0)
            pause_in(descent);
        returned += split_descend(descent, depth + 1);
    } else if (descent->pause) {
        pause_in(descent);
    }
    descent->spoilt += locals[0] != depth || locals[1] != ~depth || locals[2] != depth * 3 ||
                       locals[3] != depth + 7;
    return returned;
}

__attribute__((noinline)) static int throw_below(int frames, volatile int *above)
{
    volatile int here = frames;
    if (frames == 0)
        throw *above;
    return throw_below(frames - 1, &here) + here;
}

extern "C" int split_throw(int frames)
{
    volatile int top = 42;
    try {
        return throw_below(frames, &top);
    } catch (int thrown) {
        return thrown == (frames ? 1 : 42) ? frames : -1;
    }
}
