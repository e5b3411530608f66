/* SPDX-License-Identifier: Apache-2.0 */
/* A context in assembly: all it is lies on its stack. It may be copied and moved while parked. */
#ifndef STRAND_CONTEXT_CONTEXT_KIND_H
#define STRAND_CONTEXT_CONTEXT_KIND_H

struct strand_context {
    void *sp;
};

/* A parked one may keep registers so far below its stack pointer (on x86-64, in the red zone). */
enum { STRAND_CONTEXT_BELOW_SP = 48 };

#endif
