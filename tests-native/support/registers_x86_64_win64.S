/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unsigned switch_with_registers(from, to, seed): strand_context_switch with seed + 1, seed + 2, …
 * in the registers that a callee must keep; how many came back wrong. It keeps them for its own
 * caller itself. rbx rbp rdi rsi r12-r15, both halves of xmm6-xmm15.
 */
#include "asm.h"

    .text
FUNCTION switch_with_registers
    .irp    register, rbx, rbp, rdi, rsi, r12, r13, r14, r15, r8
    pushq   %\register
    .seh_stackalloc 8
    .endr
    subq    $192, %rsp                  /* 32 for the callee, ten registers */
    .seh_stackalloc 192
    .seh_endprologue
    .irp    n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movaps  %xmm\n, 32 + (\n - 6) * 16(%rsp)
    leaq    3 + \n(%r8), %rax
    movq    %rax, %xmm\n
    punpcklqdq %xmm\n, %xmm\n
    .endr
    leaq    1(%r8), %rbx
    leaq    2(%r8), %rbp
    leaq    3(%r8), %rdi
    leaq    4(%r8), %rsi
    leaq    5(%r8), %r12
    leaq    6(%r8), %r13
    leaq    7(%r8), %r14
    leaq    8(%r8), %r15
    call    SYMBOL(strand_context_switch)
    movq    192(%rsp), %rdx             /* seed */
    xorl    %eax, %eax
    .irp    register, rbx, rbp, rdi, rsi, r12, r13, r14, r15
    incq    %rdx
    xorl    %ecx, %ecx
    cmpq    %rdx, %\register
    setne   %cl
    addl    %ecx, %eax
    .endr
    .irp    n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    incq    %rdx
    movq    %rdx, %xmm0
    punpcklqdq %xmm0, %xmm0
    pcmpeqb %xmm\n, %xmm0
    pmovmskb %xmm0, %r8d
    xorl    %ecx, %ecx
    cmpl    $0xffff, %r8d
    setne   %cl
    addl    %ecx, %eax
    movaps  32 + (\n - 6) * 16(%rsp), %xmm\n
    .endr
    addq    $200, %rsp
    .irp    register, r15, r14, r13, r12, rsi, rdi, rbp, rbx
    popq    %\register
    .endr
    ret
END switch_with_registers

    NOTES
