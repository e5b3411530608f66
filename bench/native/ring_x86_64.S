/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void ring_switch(void **from_sp, void *to_sp)
 *                  rdi             rsi
 *
 * The least a switch can be: the callee-saved registers and the stack pointer, left by an indirect
 * jump, because a `ret` to another place than its call is predicted wrong every time. Not saved:
 * MXCSR, the x87 control word. The frame it leaves at *from_sp, upwards:
 *
 *   r15 r14 r13 r12 rbx rbp, address to continue at
 */
    .text
    .globl ring_switch
    .type ring_switch, @function
ring_switch:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    pushq %r12
    .cfi_adjust_cfa_offset 8
    pushq %r13
    .cfi_adjust_cfa_offset 8
    pushq %r14
    .cfi_adjust_cfa_offset 8
    pushq %r15
    .cfi_adjust_cfa_offset 8
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    .cfi_adjust_cfa_offset -8
    popq %r14
    .cfi_adjust_cfa_offset -8
    popq %r13
    .cfi_adjust_cfa_offset -8
    popq %r12
    .cfi_adjust_cfa_offset -8
    popq %rbx
    .cfi_adjust_cfa_offset -8
    popq %rbp
    .cfi_adjust_cfa_offset -8
    popq %rcx
    .cfi_adjust_cfa_offset -8
    jmpq *%rcx
    .cfi_endproc
    .size ring_switch, . - ring_switch
    .section .note.GNU-stack, "", @progbits
