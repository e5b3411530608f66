/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a parked context: Microsoft's x64 calling convention, "Caller/callee saved
 * registers"; and the fields of the thread's TEB that say where its stack is, which the system looks
 * at when it grows a stack or handles an exception (winternl.h, NT_TIB).
 */
#ifndef STRAND_ASM_CONTEXT_X86_64_WIN64_H
#define STRAND_ASM_CONTEXT_X86_64_WIN64_H

#define FRAME_XMM6 0   /* to xmm15, 16 bytes each */
#define FRAME_MXCSR 160
#define FRAME_X87 164
#define FRAME_STACK_BASE 168   /* its high end */
#define FRAME_STACK_LIMIT 176  /* its low end, as far as it is open */
#define FRAME_STACK_MEMORY 184 /* its low end */
#define FRAME_R15 192
#define FRAME_R14 200
#define FRAME_R13 208
#define FRAME_R12 216
#define FRAME_RDI 224
#define FRAME_RSI 232
#define FRAME_RBX 240
#define FRAME_RBP 248
#define FRAME_EXCEPTIONS 256
#define FRAME_RIP 264
#define FRAME_BYTES 272
#define FRAME_BELOW_SP 0

#define TEB_EXCEPTIONS 0x00   /* ExceptionList: Wine has handlers there, and SwitchToFiber keeps it */
#define TEB_STACK_BASE 0x08
#define TEB_STACK_LIMIT 0x10
#define TEB_STACK_MEMORY 0x1478   /* DeallocationStack */

/* Bits 0 to 5 of MXCSR are sticky status, which a function may change. */
#define MXCSR_STATUS 0x3f

/* What strand_context_first has below its caller, had it one: the 32 bytes that every callee may
 * use, and 8 for the alignment. */
#define FIRST_BYTES 40

#if !defined(__ASSEMBLER__)
#include <stddef.h>
#include <stdint.h>

struct strand_context_frame {
    uint64_t xmm6[20];
    uint32_t mxcsr;
    uint16_t x87, unused_x87;
    void *stack_base, *stack_limit, *stack_memory;
    void *r15, *r14, *r13;
    void (*r12)(void *);
    void *rdi, *rsi, *rbx, *rbp, *exceptions;
    void (*rip)(void);
    char home[FIRST_BYTES];
    void *outermost;   /* return address 0: unwinding ends */
};

_Static_assert(offsetof(struct strand_context_frame, xmm6) == FRAME_XMM6, "xmm6");
_Static_assert(offsetof(struct strand_context_frame, mxcsr) == FRAME_MXCSR, "mxcsr");
_Static_assert(offsetof(struct strand_context_frame, x87) == FRAME_X87, "x87");
_Static_assert(offsetof(struct strand_context_frame, stack_base) == FRAME_STACK_BASE, "base");
_Static_assert(offsetof(struct strand_context_frame, stack_limit) == FRAME_STACK_LIMIT, "limit");
_Static_assert(offsetof(struct strand_context_frame, stack_memory) == FRAME_STACK_MEMORY, "memory");
_Static_assert(offsetof(struct strand_context_frame, r15) == FRAME_R15, "r15");
_Static_assert(offsetof(struct strand_context_frame, r14) == FRAME_R14, "r14");
_Static_assert(offsetof(struct strand_context_frame, r13) == FRAME_R13, "r13");
_Static_assert(offsetof(struct strand_context_frame, r12) == FRAME_R12, "r12");
_Static_assert(offsetof(struct strand_context_frame, rdi) == FRAME_RDI, "rdi");
_Static_assert(offsetof(struct strand_context_frame, rsi) == FRAME_RSI, "rsi");
_Static_assert(offsetof(struct strand_context_frame, rbx) == FRAME_RBX, "rbx");
_Static_assert(offsetof(struct strand_context_frame, rbp) == FRAME_RBP, "rbp");
_Static_assert(offsetof(struct strand_context_frame, exceptions) == FRAME_EXCEPTIONS, "list");
_Static_assert(offsetof(struct strand_context_frame, rip) == FRAME_RIP, "rip");
_Static_assert(offsetof(struct strand_context_frame, home) == FRAME_BYTES, "the frame's end");
_Static_assert(sizeof(struct strand_context_frame) % 16 == 0, "the stack's alignment");

/* A frame just below `top` that the first switch leaves into `first`, which calls `entry`. The
 * floating-point control words are the preparer's own, as C has it for threads (7.6). */
static inline void *strand_context_frame_make(void *top, void *low, void (*first)(void),
                                              void (*entry)(void *))
{
    struct strand_context_frame *frame = (struct strand_context_frame *)top - 1;
    *frame = (struct strand_context_frame){.r12 = entry, .rip = first};
    frame->exceptions = (void *)UINTPTR_MAX;   /* the end of a chain */
    frame->stack_base = frame + 1;
    frame->stack_limit = frame->stack_memory = low;
    __asm__ volatile("stmxcsr %0" : "=m"(frame->mxcsr));
    frame->mxcsr &= ~(uint32_t)MXCSR_STATUS;
    __asm__ volatile("fnstcw %0" : "=m"(frame->x87));
    return frame;
}
#endif

#endif
