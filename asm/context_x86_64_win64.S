/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context switch for x86-64, Microsoft's ABI (Windows).
 *
 *   saved      rbx rbp rdi rsi r12-r15, xmm6-xmm15, MXCSR's and x87's control words, stack pointer,
 *              return address; of the TEB: ExceptionList, StackBase, StackLimit, DeallocationStack
 *   not saved  what the ABI leaves to the caller (other registers, flags, the upper parts of the
 *              vector registers); the TEB's other fields (FiberData, GuaranteedStackBytes); errno
 *
 *   frame of a parked context        offsets: context_x86_64_win64.h
 *     sp + 264  rip, where it continues
 *     sp + 256  ExceptionList
 *     sp + 224  rdi, rsi, rbx, rbp
 *     sp + 192  r15, r14, r13, r12; of a new context r12 is its entry
 *     sp + 168  StackBase, StackLimit, DeallocationStack
 *     sp + 160  MXCSR, x87 control word
 *     sp +   0  xmm6 to xmm15   <- context.sp
 *
 * What differs from System V. No red zone, so rsp moves before anything is stored. All frames have
 * the layout that the unwind codes (.seh) tell, so these hold while rsp changes over, but for the
 * last jump. Both control words are read each time, and written only when they differ.
 */
#include "asm.h"

.macro SAVE register, offset
    movq    \register, \offset(%rsp)
    .seh_savereg \register, \offset
.endm
.macro KEEP_OF_TEB field, offset
    movq    %gs:\field, %r9
    movq    %r9, \offset(%rsp)
.endm
.macro SET_IN_TEB field, offset
    movq    \offset(%rax), %r9
    movq    %r9, %gs:\field
.endm

    .text

/*
 * void *strand_context_switch(struct strand_context *from, struct strand_context *to, void *value)
 *                             rcx                          rdx                        r8
 * clobbers rax rcx r9; returns, when something switches back, the value given there
 */
FUNCTION strand_context_switch
    endbr64
    subq    $FRAME_RIP, %rsp            /* this frame; the call has put rip above it */
    .seh_stackalloc FRAME_RIP
    SAVE    %rbp, FRAME_RBP
    SAVE    %rbx, FRAME_RBX
    SAVE    %rsi, FRAME_RSI
    SAVE    %rdi, FRAME_RDI
    SAVE    %r12, FRAME_R12
    SAVE    %r13, FRAME_R13
    SAVE    %r14, FRAME_R14
    SAVE    %r15, FRAME_R15
    .irp    n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movaps  %xmm\n, FRAME_XMM6 + (\n - 6) * 16(%rsp)
    .seh_savexmm %xmm\n, FRAME_XMM6 + (\n - 6) * 16
    .endr
    .seh_endprologue
    KEEP_OF_TEB TEB_EXCEPTIONS, FRAME_EXCEPTIONS
    KEEP_OF_TEB TEB_STACK_BASE, FRAME_STACK_BASE
    KEEP_OF_TEB TEB_STACK_LIMIT, FRAME_STACK_LIMIT
    KEEP_OF_TEB TEB_STACK_MEMORY, FRAME_STACK_MEMORY
    movq    CONTEXT_SP(%rdx), %rax      /* the frame to continue */
    movq    %rsp, CONTEXT_SP(%rcx)
    stmxcsr FRAME_MXCSR(%rsp)
    fnstcw  FRAME_X87(%rsp)
    movzwl  FRAME_X87(%rsp), %r9d
    cmpw    %r9w, FRAME_X87(%rax)
    jne     LOCAL(load_control)
    movl    FRAME_MXCSR(%rsp), %r9d
    xorl    FRAME_MXCSR(%rax), %r9d
    testl   $~MXCSR_STATUS, %r9d
    jne     LOCAL(load_control)
LOCAL(continue):                        /* from here on the caller is the other context's */
    SET_IN_TEB TEB_STACK_MEMORY, FRAME_STACK_MEMORY
    SET_IN_TEB TEB_STACK_LIMIT, FRAME_STACK_LIMIT
    SET_IN_TEB TEB_STACK_BASE, FRAME_STACK_BASE
    SET_IN_TEB TEB_EXCEPTIONS, FRAME_EXCEPTIONS
    movq    %rax, %rsp
    .irp    n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movaps  FRAME_XMM6 + (\n - 6) * 16(%rax), %xmm\n
    .endr
    movq    FRAME_RIP(%rax), %rcx
    movq    FRAME_R15(%rax), %r15
    movq    FRAME_R14(%rax), %r14
    movq    FRAME_R13(%rax), %r13
    movq    FRAME_R12(%rax), %r12
    movq    FRAME_RDI(%rax), %rdi
    movq    FRAME_RSI(%rax), %rsi
    movq    FRAME_RBX(%rax), %rbx
    movq    FRAME_RBP(%rax), %rbp
    leaq    FRAME_BYTES(%rax), %rsp
    movq    %r8, %rax
    notrack jmp *%rcx                   /* its return address has no landing pad */
LOCAL(load_control):
    ldmxcsr FRAME_MXCSR(%rax)
    fnclex                              /* another's sticky status would trap by our control word */
    fldcw   FRAME_X87(%rax)
    jmp     LOCAL(continue)
END strand_context_switch

/*
 * int strand_context_call_under(const struct strand_context *parked, void (*fn)(void *), void *arg)
 * Not here: unwind codes know no frame on another stack. Gives 0.
 */
FUNCTION strand_context_call_under
    .seh_endprologue
    endbr64
    xorl    %eax, %eax
    ret
END strand_context_call_under

/*
 * First instruction of every context: rax is the value of the first switch, r12 the entry, rsp a
 * multiple of 16. Its caller's address is 0: backtraces and exceptions end here.
 */
FUNCTION strand_context_first
    .seh_handler strand_context_unhandled, @except
    .seh_stackalloc FIRST_BYTES         /* of the frame that was prepared */
    .seh_endprologue
    endbr64
    movq    %rax, %rcx
    call    *%r12
    call    SYMBOL(strand_context_entry_returned)
    int3                                /* a return address must lie inside its function here */
END strand_context_first

    NOTES
