/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unsigned switch_with_registers(from, to, seed): strand_context_switch with seed + 1, seed + 2, …
 * in the registers that a callee must keep; how many came back wrong. It keeps them for its own
 * caller itself. rbx rbp r12-r15.
 */
#include "asm.h"

    .text
FUNCTION switch_with_registers
    endbr64
    .irp    register, rbx, rbp, r12, r13, r14, r15, rdx
    pushq   %\register
    .endr
    leaq    1(%rdx), %rbx
    leaq    2(%rdx), %rbp
    leaq    3(%rdx), %r12
    leaq    4(%rdx), %r13
    leaq    5(%rdx), %r14
    leaq    6(%rdx), %r15
    call    SYMBOL(strand_context_switch)
    popq    %rdx
    xorl    %eax, %eax
    .irp    register, rbx, rbp, r12, r13, r14, r15
    incq    %rdx
    xorl    %ecx, %ecx
    cmpq    %rdx, %\register
    setne   %cl
    addl    %ecx, %eax
    .endr
    .irp    register, r15, r14, r13, r12, rbp, rbx
    popq    %\register
    .endr
    ret
END switch_with_registers

    NOTES
