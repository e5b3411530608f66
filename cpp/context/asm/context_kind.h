/* SPDX-License-Identifier: Apache-2.0 */
/* A context in assembly: all it is lies on its stack. It may be copied and moved while parked. */
#ifndef STRAND_CONTEXT_CONTEXT_KIND_H
#define STRAND_CONTEXT_CONTEXT_KIND_H

struct strand_context {
    void *sp;
};

/* So far below its stack pointer a parked one keeps registers: on x86-64, but for Windows, in the
 * red zone. */
#if defined(__x86_64__) && !defined(_WIN32)
enum { STRAND_CONTEXT_BELOW_SP = 48 };
#else
enum { STRAND_CONTEXT_BELOW_SP = 0 };
#endif

#endif
