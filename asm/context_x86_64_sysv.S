/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context switch for x86-64, System V ABI (Linux, BSD).
 *
 *   saved      rbx rbp r12-r15, MXCSR's and x87's control words, stack pointer, return address
 *   not saved  what the ABI leaves to the caller (other registers, flags); the signal mask; errno
 *
 *   frame of a parked context        offsets: context_x86_64_sysv.h
 *     sp + 56  rip     where it continues
 *     sp + 48  rbp
 *     sp + 40  rbx
 *     sp + 32  r12     of a new context: its entry
 *     sp + 24  r13
 *     sp + 16  r14
 *     sp +  8  r15
 *     sp +  0  MXCSR, x87 control word   <- context.sp
 *
 * What loses here, in one run on a Zen 4 (this: 2.7 ns; Boost: 5.4). Leaving by `ret`: 5 ns more,
 * the return predictor knows only calls. push and pop, or anything else addressed by a just loaded
 * rsp: 1.8 more. stmxcsr at every switch: 2.5 more, and 4.1 with a compare, since it waits for all
 * that is in flight. So the control words are first asked whether they are plain: x87's by fnstcw
 * (0.3 ns; fesetround, fesetenv and feenableexcept write both words alike), MXCSR's by one addition
 * whose four results show rounding, flush-to-zero and denormals-are-zero (0.0 ns). Only a context
 * that is not plain reads and loads them. The one change not seen is of MXCSR's trap masks alone,
 * by _mm_setcsr: use feenableexcept. Shadow stacks (CET) are not kept, nor claimed.
 */
#include "asm.h"

    .section .rodata.cst16, "aM", @progbits, 16
    .p2align 4
.Lleft:     .long   ASK_LEFT
.Lright:    .long   ASK_RIGHT
.Lplain:    .long   ASK_PLAIN

    .text

/*
 * void *strand_context_switch(struct strand_context *from, struct strand_context *to, void *value)
 *                             rdi                          rsi                        rdx
 * clobbers rax rcx r8 xmm0; returns, when something switches back, the value given there
 */
FUNCTION(strand_context_switch)
    endbr64
    leaq    -FRAME_RIP(%rsp), %rcx      /* this frame; the call has put rip into it */
    movq    CONTEXT_SP(%rsi), %rax      /* the frame to continue; loading it later costs 1.5 ns */
    movq    %r15, FRAME_R15(%rcx)
    movq    %r14, FRAME_R14(%rcx)
    movq    %r13, FRAME_R13(%rcx)
    movq    %r12, FRAME_R12(%rcx)
    movq    %rbx, FRAME_RBX(%rcx)
    movq    %rbp, FRAME_RBP(%rcx)
    movq    %rcx, CONTEXT_SP(%rdi)

    fnstcw  FRAME_X87(%rcx)
    movzwl  FRAME_X87(%rcx), %r8d
    cmpl    $PLAIN_X87, %r8d
    jne     .Lsave_control
    movaps  .Lleft(%rip), %xmm0
    addps   .Lright(%rip), %xmm0
    pcmpeqd .Lplain(%rip), %xmm0
    movmskps %xmm0, %r8d
    cmpl    $0xf, %r8d
    jne     .Lsave_control
    movabsq $PLAIN_CONTROL, %r8
    movq    %r8, FRAME_CONTROL(%rcx)
    cmpq    %r8, FRAME_CONTROL(%rax)
    jne     .Lload_control

.Lcontinue:                             /* from here on the caller is the other context's */
    .cfi_remember_state
    .cfi_def_cfa %rax, FRAME_BYTES
    .cfi_offset %r15, FRAME_R15 - FRAME_BYTES
    .cfi_offset %r14, FRAME_R14 - FRAME_BYTES
    .cfi_offset %r13, FRAME_R13 - FRAME_BYTES
    .cfi_offset %r12, FRAME_R12 - FRAME_BYTES
    .cfi_offset %rbx, FRAME_RBX - FRAME_BYTES
    .cfi_offset %rbp, FRAME_RBP - FRAME_BYTES
    movq    FRAME_RIP(%rax), %rcx
    movq    FRAME_R15(%rax), %r15
    movq    FRAME_R14(%rax), %r14
    movq    FRAME_R13(%rax), %r13
    movq    FRAME_R12(%rax), %r12
    movq    FRAME_RBX(%rax), %rbx
    movq    FRAME_RBP(%rax), %rbp
    leaq    FRAME_BYTES(%rax), %rsp
    .cfi_def_cfa %rsp, 0
    movq    %rdx, %rax
    notrack jmp *%rcx                   /* its return address has no landing pad */
    .cfi_restore_state

.Lsave_control:
    stmxcsr FRAME_MXCSR(%rcx)
.Lload_control:
    ldmxcsr FRAME_MXCSR(%rax)
    fldcw   FRAME_X87(%rax)
    jmp     .Lcontinue
END(strand_context_switch)

/*
 * First instruction of every context: rax is the value of the first switch, r12 the entry, rsp a
 * multiple of 16. There is no caller: backtraces and exceptions end here.
 */
FUNCTION(strand_context_first)
    .cfi_def_cfa %rsp, 16
    .cfi_undefined %rip
    endbr64
    movq    %rax, %rdi
    call    *%r12
    call    strand_context_entry_returned
END(strand_context_first)

    .section .note.GNU-stack, "", %progbits
