/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a parked context: System V ABI for x86-64, figure 3.4 (who saves which register). */
#ifndef STRAND_ASM_CONTEXT_X86_64_SYSV_H
#define STRAND_ASM_CONTEXT_X86_64_SYSV_H

#define FRAME_CONTROL 0   /* both control words together */
#define FRAME_MXCSR 0
#define FRAME_X87 4
#define FRAME_R15 8
#define FRAME_R14 16
#define FRAME_R13 24
#define FRAME_R12 32
#define FRAME_RBX 40
#define FRAME_RBP 48
#define FRAME_RIP 56
#define FRAME_BYTES 64

/* FRAME_CONTROL of nearly every strand: rounding to nearest, denormals kept, nothing traps. */
#define PLAIN_X87 0x37f
#define PLAIN_CONTROL 0x0000037f00001f80

#if !defined(__ASSEMBLER__)
#include <stddef.h>
#include <stdint.h>

struct strand_context_frame {
    uint32_t mxcsr;
    uint16_t x87, unused;
    void *r15, *r14, *r13;
    void (*r12)(void *);
    void *rbx, *rbp;
    void (*rip)(void);
    void *outermost[2];   /* no caller: zeros for whoever looks anyway; keeps the ABI's alignment */
};

_Static_assert(offsetof(struct strand_context_frame, mxcsr) == FRAME_MXCSR, "mxcsr");
_Static_assert(offsetof(struct strand_context_frame, x87) == FRAME_X87, "x87");
_Static_assert(offsetof(struct strand_context_frame, r15) == FRAME_R15, "r15");
_Static_assert(offsetof(struct strand_context_frame, r14) == FRAME_R14, "r14");
_Static_assert(offsetof(struct strand_context_frame, r13) == FRAME_R13, "r13");
_Static_assert(offsetof(struct strand_context_frame, r12) == FRAME_R12, "r12");
_Static_assert(offsetof(struct strand_context_frame, rbx) == FRAME_RBX, "rbx");
_Static_assert(offsetof(struct strand_context_frame, rbp) == FRAME_RBP, "rbp");
_Static_assert(offsetof(struct strand_context_frame, rip) == FRAME_RIP, "rip");
_Static_assert(offsetof(struct strand_context_frame, outermost) == FRAME_BYTES, "the frame's end");

/* Bits 0 to 5 of MXCSR are sticky status, which a function may change. */
#define MXCSR_STATUS 0x3fu

/* A frame that the first switch leaves into `first`, which calls `entry`. The floating-point
 * control words are the preparer's own, as C has it for threads (7.6). */
static inline void strand_context_frame_fill(struct strand_context_frame *frame, void *low,
                                             void (*first)(void), void (*entry)(void *))
{
    (void)low;
    *frame = (struct strand_context_frame){.r12 = entry, .rip = first};
    __asm__ volatile("stmxcsr %0" : "=m"(frame->mxcsr));
    frame->mxcsr &= ~MXCSR_STATUS;
    __asm__ volatile("fnstcw %0" : "=m"(frame->x87));
}
#endif

#endif
