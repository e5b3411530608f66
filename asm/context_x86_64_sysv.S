/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context switch for x86-64, System V ABI (Linux, BSD, macOS).
 *
 *   saved      rbx rbp r12-r15, MXCSR's and x87's control words, stack pointer, return address
 *   not saved  what the ABI leaves to the caller (other registers, flags); the signal mask; errno
 *
 *   frame of a parked context        offsets: context_x86_64_sysv.h
 *     sp + 16  where it continues  \   only of a context whose control words
 *     sp +  8  MXCSR, x87          /   are not plain, and then rip is _restore
 *     sp +  0  rip                 <- context.sp
 *     sp -  8  rbp                     and below, in the red zone, the rest, so
 *     sp - 16  rbx                     that a switch moves rsp but once
 *     sp - 24  r12     of a new context: its entry
 *     sp - 32  r13
 *     sp - 40  r14
 *     sp - 48  r15
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

    .macro SAVE sp
    movq    %r15, FRAME_R15(\sp)
    movq    %r14, FRAME_R14(\sp)
    movq    %r13, FRAME_R13(\sp)
    movq    %r12, FRAME_R12(\sp)
    movq    %rbx, FRAME_RBX(\sp)
    movq    %rbp, FRAME_RBP(\sp)
    movq    \sp, CONTEXT_SP(%rdi)
    .endm

    .text

/*
 * void *strand_context_switch(struct strand_context *from, struct strand_context *to, void *value)
 *                             rdi                          rsi                        rdx
 * clobbers rax rcx r8 r9 xmm0; returns, when something switches back, the value given there
 */
FUNCTION strand_context_switch
    endbr64
    movq    CONTEXT_SP(%rsi), %rcx      /* where to continue; loading it later costs 1.5 ns */
    SAVE    %rsp                        /* the call has put rip there */
    fnstcw  FRAME_R15 - 8(%rsp)
    cmpw    $PLAIN_X87, FRAME_R15 - 8(%rsp) /* first: where traps are on, the addition would trap */
    jne     LOCAL(save_control)
    movaps  LOCAL(left)(%rip), %xmm0
    addps   LOCAL(right)(%rip), %xmm0
    pcmpeqd LOCAL(plain)(%rip), %xmm0
    movmskps %xmm0, %r8d
    cmpl    $0xf, %r8d
    jne     LOCAL(save_control)

LOCAL(continue):                        /* from here on the caller is the other context's */
    .cfi_remember_state
    .cfi_def_cfa %rcx, 8
    .cfi_offset %r15, FRAME_R15 - 8
    .cfi_offset %r14, FRAME_R14 - 8
    .cfi_offset %r13, FRAME_R13 - 8
    .cfi_offset %r12, FRAME_R12 - 8
    .cfi_offset %rbx, FRAME_RBX - 8
    .cfi_offset %rbp, FRAME_RBP - 8
    movq    FRAME_R15(%rcx), %r15
    movq    FRAME_R14(%rcx), %r14
    movq    FRAME_R13(%rcx), %r13
    movq    FRAME_R12(%rcx), %r12
    movq    FRAME_RBX(%rcx), %rbx
    movq    FRAME_RBP(%rcx), %rbp
    leaq    8(%rcx), %rsp
    movq    %rdx, %rax
    notrack jmp *(%rcx)                 /* its return address has no landing pad */
    .cfi_restore_state

LOCAL(save_control):                    /* the control words above rip, which is then _restore */
    leaq    -8 - CONTROL_RIP(%rsp), %r9
    SAVE    %r9
    leaq    PAD_BYTES + strand_context_restore(%rip), %r8
    movq    %r8, FRAME_RIP(%r9)
    stmxcsr 8 + CONTROL_MXCSR(%r9)
    fnstcw  8 + CONTROL_X87(%r9)
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
 * int strand_context_call_under(const struct strand_context *parked, void (*fn)(void *), void *arg)
 *                               rdi                                  rsi                 rdx
 * calls fn(arg) on this stack; to an unwinder, the parked context has called it. Gives 1.
 */
FUNCTION strand_context_call_under
    endbr64
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_offset %rbx, -16
    movq    CONTEXT_SP(%rdi), %rbx
    movq    %rdx, %rdi
    .cfi_remember_state
    .cfi_def_cfa %rbx, 8
    .cfi_offset %r15, FRAME_R15 - 8
    .cfi_offset %r14, FRAME_R14 - 8
    .cfi_offset %r13, FRAME_R13 - 8
    .cfi_offset %r12, FRAME_R12 - 8
    .cfi_offset %rbx, FRAME_RBX - 8
    .cfi_offset %rbp, FRAME_RBP - 8
    call    *%rsi
    .cfi_restore_state
    movl    $1, %eax
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    ret
END strand_context_call_under

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
