/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context switch for x86-64, System V ABI (Linux, BSD, macOS).
 *
 *   saved      rbx rbp r12-r15, MXCSR's and x87's control words, stack pointer, return address
 *   not saved  what the ABI leaves to the caller (other registers, flags); the signal mask; errno
 *
 *   frame of a parked context        offsets: context_x86_64_sysv.h
 *     sp + 64  where it continues  \   only of a context whose control words
 *     sp + 56  MXCSR, x87          /   are not plain, and then rip is _restore
 *     sp + 48  rip
 *     sp + 40  rbp
 *     sp + 32  rbx
 *     sp + 24  r12     of a new context: its entry
 *     sp + 16  r13
 *     sp +  8  r14
 *     sp +  0  r15     <- context.sp
 *
 * What loses here, in one run on a Zen 4 (this: 2.7 ns; Boost: 5.4). Leaving by `ret`: 5 ns more,
 * the return predictor knows only calls. push and pop, or anything else addressed by a just loaded
 * rsp: 1.8 more. stmxcsr at every switch: 2.5 more, and 4.1 with a compare, since it waits for all
 * that is in flight. So the control words are first asked whether they are plain: x87's by fnstcw
 * (0.3 ns; fesetround, fesetenv and feenableexcept write both words alike), MXCSR's by one addition
 * whose four results show rounding, flush-to-zero and denormals-are-zero (0.0 ns). Only a context
 * that is not plain keeps them, loads plain ones for whoever follows, and has its own loaded where
 * it continues. The one change not seen, and there the addition may trap, is of MXCSR's trap masks
 * alone, by _mm_setcsr: use feenableexcept. Shadow stacks (CET) are not kept, nor claimed.
 */
#include "asm.h"

    CONSTANTS
    .p2align 4
LOCAL(left):  .long ASK_LEFT
LOCAL(right): .long ASK_RIGHT
LOCAL(plain): .long ASK_PLAIN
LOCAL(plain_mxcsr): .long PLAIN_MXCSR
LOCAL(plain_x87):   .long PLAIN_X87, 0, 0

    .macro SAVE frame
    movq    %r15, FRAME_R15(\frame)
    movq    %r14, FRAME_R14(\frame)
    movq    %r13, FRAME_R13(\frame)
    movq    %r12, FRAME_R12(\frame)
    movq    %rbx, FRAME_RBX(\frame)
    movq    %rbp, FRAME_RBP(\frame)
    movq    \frame, CONTEXT_SP(%rdi)
    .endm

    .text

/*
 * void *strand_context_switch(struct strand_context *from, struct strand_context *to, void *value)
 *                             rdi                          rsi                        rdx
 * clobbers rax rcx r8 xmm0; returns, when something switches back, the value given there
 */
FUNCTION strand_context_switch
    endbr64
    leaq    -FRAME_RIP(%rsp), %rcx      /* this frame; the call has put rip into it */
    movq    CONTEXT_SP(%rsi), %rax      /* the frame to continue; loading it later costs 1.5 ns */
    SAVE    %rcx
    fnstcw  -8(%rcx)
    cmpw    $PLAIN_X87, -8(%rcx)        /* first: where traps are on, the addition would trap */
    jne     LOCAL(save_control)
    movaps  LOCAL(left)(%rip), %xmm0
    addps   LOCAL(right)(%rip), %xmm0
    pcmpeqd LOCAL(plain)(%rip), %xmm0
    movmskps %xmm0, %r8d
    cmpl    $0xf, %r8d
    jne     LOCAL(save_control)

LOCAL(continue):                        /* from here on the caller is the other context's */
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

LOCAL(save_control):                    /* a larger frame, the control words between it and rip */
    leaq    -FRAME_BYTES - CONTROL_RIP(%rsp), %rcx
    SAVE    %rcx
    leaq    PAD_BYTES + strand_context_restore(%rip), %r8
    movq    %r8, FRAME_RIP(%rcx)
    stmxcsr FRAME_BYTES + CONTROL_MXCSR(%rcx)
    fnstcw  FRAME_BYTES + CONTROL_X87(%rcx)
    ldmxcsr LOCAL(plain_mxcsr)(%rip)
    fldcw   LOCAL(plain_x87)(%rip)
    jmp     LOCAL(continue)
END strand_context_switch

/* Where a context continues whose control words are not plain: rsp stands on them. rax is kept. */
FUNCTION strand_context_restore
    .cfi_def_cfa %rsp, CONTROL_BYTES
    endbr64
    ldmxcsr CONTROL_MXCSR(%rsp)
    fnclex                              /* another's sticky status would trap by our control word */
    fldcw   CONTROL_X87(%rsp)
    movq    CONTROL_RIP(%rsp), %rcx
    leaq    CONTROL_BYTES(%rsp), %rsp
    .cfi_def_cfa %rsp, 0
    notrack jmp *%rcx
END strand_context_restore

/*
 * First instruction of every context: rax is the value of the first switch, r12 the entry, rsp a
 * multiple of 16. There is no caller: backtraces and exceptions end here.
 */
FUNCTION strand_context_first
    .cfi_def_cfa %rsp, 0
    .cfi_undefined %rip
    endbr64
    movq    %rax, %rdi
    call    *%r12
    call    SYMBOL(strand_context_entry_returned)
END strand_context_first

    NOTES
