/* SPDX-License-Identifier: Apache-2.0 */
/* A context in assembly: all it is lies on its stack. It may be copied and moved while parked. */
#ifndef STRAND_CONTEXT_CONTEXT_KIND_H
#define STRAND_CONTEXT_CONTEXT_KIND_H

struct strand_context {
    void *sp;
};

#endif
