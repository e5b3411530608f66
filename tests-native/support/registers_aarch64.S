/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unsigned switch_with_registers(from, to, seed): strand_context_switch with seed + 1, seed + 2, …
 * in the registers that a callee must keep; how many came back wrong. It keeps them for its own
 * caller itself. x19-x29, d8-d15.
 */
#include "asm.h"

    .text
FUNCTION switch_with_registers
    hint    #34                         /* bti c */
    sub     sp, sp, #176
    stp     x29, x30, [sp]
    str     x2, [sp, #16]
    stp     x19, x20, [sp, #32]
    stp     x21, x22, [sp, #48]
    stp     x23, x24, [sp, #64]
    stp     x25, x26, [sp, #80]
    stp     x27, x28, [sp, #96]
    stp     d8, d9, [sp, #112]
    stp     d10, d11, [sp, #128]
    stp     d12, d13, [sp, #144]
    stp     d14, d15, [sp, #160]
    .irp    n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
    add     x\n, x2, #(\n - 18)
    .endr
    .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
    add     x9, x2, #(\n + 4)
    fmov    d\n, x9
    .endr
    bl      SYMBOL(strand_context_switch)
    ldr     x2, [sp, #16]
    mov     w0, #0
    .irp    n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
    add     x9, x2, #(\n - 18)
    cmp     x9, x\n
    cinc    w0, w0, ne
    .endr
    .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
    add     x9, x2, #(\n + 4)
    fmov    x10, d\n
    cmp     x9, x10
    cinc    w0, w0, ne
    .endr
    ldp     x29, x30, [sp]
    ldp     x19, x20, [sp, #32]
    ldp     x21, x22, [sp, #48]
    ldp     x23, x24, [sp, #64]
    ldp     x25, x26, [sp, #80]
    ldp     x27, x28, [sp, #96]
    ldp     d8, d9, [sp, #112]
    ldp     d10, d11, [sp, #128]
    ldp     d12, d13, [sp, #144]
    ldp     d14, d15, [sp, #160]
    add     sp, sp, #176
    ret
END switch_with_registers

    NOTES
