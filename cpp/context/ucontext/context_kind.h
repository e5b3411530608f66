/* SPDX-License-Identifier: Apache-2.0 */
/* A context by ucontext (POSIX.1-2001). It must stay where strand_context_prepare was told. */
#ifndef STRAND_CONTEXT_CONTEXT_KIND_H
#define STRAND_CONTEXT_CONTEXT_KIND_H

#include <ucontext.h>

/* Some libcs align it to 16, for vector registers that no call keeps; a control block, which has one
 * in it, need not stand so. */
typedef ucontext_t strand_registers __attribute__((aligned(8)));

struct strand_context {
    strand_registers registers;
    void (*entry)(void *value);
    void *value;   /* handed over by the switch to this context */
    void *sp;      /* at or below every frame, while parked */
};

enum { STRAND_CONTEXT_BELOW_SP = 0 };

#endif
