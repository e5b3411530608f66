/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a parked context: System V ABI for x86-64, figure 3.4 (who saves which register). */
#ifndef STRAND_ASM_CONTEXT_X86_64_SYSV_H
#define STRAND_ASM_CONTEXT_X86_64_SYSV_H

/* From the stack pointer of a parked context. */
#define FRAME_R15 (-48)
#define FRAME_R14 (-40)
#define FRAME_R13 (-32)
#define FRAME_R12 (-24)
#define FRAME_RBX (-16)
#define FRAME_RBP (-8)
#define FRAME_RIP 0

/* How far below its stack pointer a parked context keeps registers: at most 128 bytes, which signal
 * handlers leave alone (System V ABI for x86-64, 3.2.2). */
#define FRAME_BELOW_SP 48

/* Above rip where the control words are not plain: rip is then strand_context_restore, which loads
 * these and goes on to the real one. */
#define CONTROL_MXCSR 0
#define CONTROL_X87 4
#define CONTROL_RIP 8
#define CONTROL_BYTES 16

/* Of endbr64. A frame's rip is the place behind it: unwinders look up the byte before a return
 * address, and must find it in the function. */
#define PAD_BYTES 4

/* Plain, as nearly every strand is: rounding to nearest, denormals kept, nothing traps. */
#define PLAIN_MXCSR 0x1f80
#define PLAIN_X87 0x37f

/* One addition of four floats, and its sums while MXCSR is plain:
 *     rounded to nearest, rounded to nearest, not flushed to zero, not taken for zero */
#define ASK_LEFT 0x3f800000, 0x3f800000, 0x00c00000, 0x00000001
#define ASK_RIGHT 0x33c00000, 0x33000000, 0x80800000, 0x00000000
#define ASK_PLAIN 0x3f800001, 0x3f800000, 0x00400000, 0x00000001

#if !defined(__ASSEMBLER__)
#include <stddef.h>
#include <stdint.h>

struct strand_context_frame {
    void *r15, *r14, *r13;
    void (*r12)(void *);
    void *rbx, *rbp;
    void (*rip)(void);
};

struct strand_context_control {
    uint32_t mxcsr;
    uint16_t x87, unused;
    void (*rip)(void);
};

#define STRAND_CONTEXT_RIP_AT ((long)offsetof(struct strand_context_frame, rip))
#define STRAND_CONTEXT_AT(field, place)                                                            \
    _Static_assert((long)offsetof(struct strand_context_frame, field) ==                           \
                   STRAND_CONTEXT_RIP_AT + (place), #field)
STRAND_CONTEXT_AT(r15, FRAME_R15);
STRAND_CONTEXT_AT(r14, FRAME_R14);
STRAND_CONTEXT_AT(r13, FRAME_R13);
STRAND_CONTEXT_AT(r12, FRAME_R12);
STRAND_CONTEXT_AT(rbx, FRAME_RBX);
STRAND_CONTEXT_AT(rbp, FRAME_RBP);
STRAND_CONTEXT_AT(rip, FRAME_RIP);
_Static_assert(offsetof(struct strand_context_frame, rip) == FRAME_BELOW_SP, "below");
_Static_assert(offsetof(struct strand_context_control, mxcsr) == CONTROL_MXCSR, "mxcsr");
_Static_assert(offsetof(struct strand_context_control, x87) == CONTROL_X87, "x87");
_Static_assert(offsetof(struct strand_context_control, rip) == CONTROL_RIP, "real rip");
_Static_assert(sizeof(struct strand_context_control) == CONTROL_BYTES, "the control words' end");

/* Bits 0 to 5 of MXCSR are sticky status, which a function may change. */
#define MXCSR_STATUS 0x3fu

void strand_context_restore(void);   /* in the assembly; not to be called */

/* What the switch asks too: storing MXCSR instead would wait for all that is in flight. */
static inline int strand_context_is_plain(void)
{
    static const uint32_t ask[3][4] __attribute__((aligned(16))) = {
        {ASK_LEFT}, {ASK_RIGHT}, {ASK_PLAIN}};
    uint16_t x87;
    int equal;
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    if (x87 != PLAIN_X87)
        return 0;
    __asm__ volatile("movaps %1, %%xmm0\n\t"
                     "addps %2, %%xmm0\n\t"
                     "pcmpeqd %3, %%xmm0\n\t"
                     "movmskps %%xmm0, %0"
                     : "=r"(equal)
                     : "m"(ask[0]), "m"(ask[1]), "m"(ask[2])
                     : "xmm0");
    return equal == 0xf;
}

static inline void (*strand_context_behind_pad(void (*function)(void)))(void)
{
    return (void (*)(void))((uintptr_t)function + PAD_BYTES);
}

/* A frame just below `top` that the first switch leaves, with sp = top, into `first`, which calls
 * `entry`. The floating-point control words are the preparer's own, as C has it for threads (7.6). */
static inline void *strand_context_frame_make(void *top, void *low, void (*first)(void),
                                              void (*entry)(void *))
{
    (void)low;
    first = strand_context_behind_pad(first);
    struct strand_context_frame *frame = (struct strand_context_frame *)top - 1;
    if (!strand_context_is_plain()) {
        struct strand_context_control *control = (struct strand_context_control *)top - 1;
        *control = (struct strand_context_control){.rip = first};
        __asm__ volatile("stmxcsr %0" : "=m"(control->mxcsr));
        control->mxcsr &= ~MXCSR_STATUS;
        __asm__ volatile("fnstcw %0" : "=m"(control->x87));
        frame = (struct strand_context_frame *)control - 1;
        first = strand_context_behind_pad(strand_context_restore);
    }
    *frame = (struct strand_context_frame){.r12 = entry, .rip = first};
    return &frame->rip;
}
#endif

#endif
