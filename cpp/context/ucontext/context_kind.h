/* SPDX-License-Identifier: Apache-2.0 */
/* A context by ucontext (POSIX.1-2001). It must stay where strand_context_prepare was told. */
#ifndef STRAND_CONTEXT_CONTEXT_KIND_H
#define STRAND_CONTEXT_CONTEXT_KIND_H

#include <ucontext.h>

struct strand_context {
    ucontext_t registers;
    void (*entry)(void *value);
    void *value;   /* handed over by the switch to this context */
    void *sp;      /* at or below every frame, while parked */
};

enum { STRAND_CONTEXT_BELOW_SP = 0 };

#endif
