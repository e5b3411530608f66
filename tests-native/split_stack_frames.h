/* SPDX-License-Identifier: Apache-2.0 */
/* Code that knows nothing of strands' stacks; built with -fsplit-stack, and used by the test that
 * is not. */
#ifndef STRAND_TESTS_SPLIT_STACK_FRAMES_H
#define STRAND_TESTS_SPLIT_STACK_FRAMES_H

#include <stdint.h>

struct split_descent {
    uint64_t frames;             /* to go down */
    uint64_t every;              /* of how many frames one calls `pause`; 0: none */
    void (*pause)(void *);       /* also at the bottom */
    void *argument;
    uint64_t spoilt;             /* frames whose locals were not what they had been */
};

#ifdef __cplusplus
extern "C" {
#endif

/* The number of frames that came back. */
uint64_t split_descend(struct split_descent *descent, uint64_t depth);

/* Throws an int at the bottom, catches it at the top: it. Needs the linker's 16 KiB. */
int split_throw(int frames);

#ifdef __cplusplus
}
#endif

#endif
