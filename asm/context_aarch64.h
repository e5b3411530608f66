/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a parked context: AAPCS64, "Machine Registers" (who saves which register). */
#ifndef STRAND_ASM_CONTEXT_AARCH64_H
#define STRAND_ASM_CONTEXT_AARCH64_H

#define FRAME_FPCR 0
#define FRAME_D8 16   /* in pairs: d9 follows d8, and so on */
#define FRAME_D10 32
#define FRAME_D12 48
#define FRAME_D14 64
#define FRAME_X19 80   /* in pairs here too */
#define FRAME_X21 96
#define FRAME_X23 112
#define FRAME_X25 128
#define FRAME_X27 144
#define FRAME_X29 160   /* frame pointer */
#define FRAME_X30 168   /* return address */
#define FRAME_BYTES 176
#define FRAME_BELOW_SP 0

#if !defined(__ASSEMBLER__)
#include <stddef.h>
#include <stdint.h>

struct strand_context_frame {
    uint64_t fpcr, unused;
    uint64_t d8[8];
    void (*x19)(void *);
    void *x20[9];
    void *x29;
    void (*x30)(void);
    void *outermost[2];   /* no caller: zeros for whoever looks anyway */
};

_Static_assert(offsetof(struct strand_context_frame, fpcr) == FRAME_FPCR, "fpcr");
_Static_assert(offsetof(struct strand_context_frame, d8) == FRAME_D8, "d8");
_Static_assert(offsetof(struct strand_context_frame, d8[6]) == FRAME_D14, "d14");
_Static_assert(offsetof(struct strand_context_frame, x19) == FRAME_X19, "x19");
_Static_assert(offsetof(struct strand_context_frame, x20[7]) == FRAME_X27, "x27");
_Static_assert(offsetof(struct strand_context_frame, x29) == FRAME_X29, "x29");
_Static_assert(offsetof(struct strand_context_frame, x30) == FRAME_X30, "x30");
_Static_assert(offsetof(struct strand_context_frame, outermost) == FRAME_BYTES, "the frame's end");

/* A frame just below `top` that the first switch leaves into `first`, which calls `entry`. The
 * floating-point control register is the preparer's own, as C has it for threads (7.6). */
static inline void *strand_context_frame_make(void *top, void *low, void (*first)(void),
                                              void (*entry)(void *))
{
    struct strand_context_frame *frame = (struct strand_context_frame *)top - 1;
    (void)low;
    *frame = (struct strand_context_frame){.x19 = entry, .x30 = first};
    __asm__ volatile("mrs %0, fpcr" : "=r"(frame->fpcr));
    return frame;
}
#endif

#endif
