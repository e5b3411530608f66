/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context switch for aarch64, AAPCS64 (Linux, BSD, macOS).
 *
 *   saved      x19-x30, d8-d15, FPCR, stack pointer
 *   not saved  what the ABI leaves to the caller (other registers, flags, FPSR, the upper halves of
 *              v8-v15, SVE's and SME's state); x18, the platform's; the signal mask; errno
 *
 *   frame of a parked context        offsets: context_aarch64.h
 *     sp + 168  x30    where it continues
 *     sp + 160  x29    frame pointer
 *     sp +  80  x19 to x28; of a new context x19 is its entry
 *     sp +  16  d8 to d15
 *     sp +   0  FPCR   <- context.sp
 *
 * What differs from x86-64. No red zone: a signal may overwrite what lies below sp (AAPCS64, "The
 * Stack"), so sp moves before anything is stored. It leaves by `ret`: a `br` would need a landing
 * pad where it goes (BTI), and return addresses have none; they are kept as they came, not signed:
 * PAC is not claimed. FPCR is read each time and written only when the two differ, since a write may
 * wait for all that is in flight; nothing here is measured, there being only an emulator.
 */
#include "asm.h"

    .text

/*
 * void *strand_context_switch(struct strand_context *from, struct strand_context *to, void *value)
 *                             x0                           x1                        x2
 * clobbers x9-x11; returns, when something switches back, the value given there
 */
FUNCTION strand_context_switch
    hint    #34                         /* bti c, which older assemblers do not know by name */
    ldr     x9, [x1, #CONTEXT_SP]       /* the frame to continue */
    sub     sp, sp, #FRAME_BYTES
    .cfi_def_cfa_offset FRAME_BYTES
    stp     x29, x30, [sp, #FRAME_X29]
    stp     x27, x28, [sp, #FRAME_X27]
    stp     x25, x26, [sp, #FRAME_X25]
    stp     x23, x24, [sp, #FRAME_X23]
    stp     x21, x22, [sp, #FRAME_X21]
    stp     x19, x20, [sp, #FRAME_X19]
    stp     d14, d15, [sp, #FRAME_D14]
    stp     d12, d13, [sp, #FRAME_D12]
    stp     d10, d11, [sp, #FRAME_D10]
    stp     d8, d9, [sp, #FRAME_D8]
    mov     x10, sp
    str     x10, [x0, #CONTEXT_SP]

    mrs     x10, fpcr
    ldr     x11, [x9, #FRAME_FPCR]
    str     x10, [sp, #FRAME_FPCR]
    cmp     x10, x11
    b.ne    LOCAL(load_control)

LOCAL(continue):                        /* from here on the caller is the other context's */
    .cfi_remember_state
    .cfi_def_cfa x9, FRAME_BYTES
    .cfi_offset x30, FRAME_X30 - FRAME_BYTES
    .cfi_offset x29, FRAME_X29 - FRAME_BYTES
    .cfi_offset x28, FRAME_X27 + 8 - FRAME_BYTES
    .cfi_offset x27, FRAME_X27 - FRAME_BYTES
    .cfi_offset x26, FRAME_X25 + 8 - FRAME_BYTES
    .cfi_offset x25, FRAME_X25 - FRAME_BYTES
    .cfi_offset x24, FRAME_X23 + 8 - FRAME_BYTES
    .cfi_offset x23, FRAME_X23 - FRAME_BYTES
    .cfi_offset x22, FRAME_X21 + 8 - FRAME_BYTES
    .cfi_offset x21, FRAME_X21 - FRAME_BYTES
    .cfi_offset x20, FRAME_X19 + 8 - FRAME_BYTES
    .cfi_offset x19, FRAME_X19 - FRAME_BYTES
    ldp     x29, x30, [x9, #FRAME_X29]
    ldp     x27, x28, [x9, #FRAME_X27]
    ldp     x25, x26, [x9, #FRAME_X25]
    ldp     x23, x24, [x9, #FRAME_X23]
    ldp     x21, x22, [x9, #FRAME_X21]
    ldp     x19, x20, [x9, #FRAME_X19]
    ldp     d14, d15, [x9, #FRAME_D14]
    ldp     d12, d13, [x9, #FRAME_D12]
    ldp     d10, d11, [x9, #FRAME_D10]
    ldp     d8, d9, [x9, #FRAME_D8]
    add     sp, x9, #FRAME_BYTES
    .cfi_def_cfa sp, 0
    mov     x0, x2
    ret
    .cfi_restore_state

LOCAL(load_control):
    msr     fpcr, x11
    b       LOCAL(continue)
END strand_context_switch

/*
 * int strand_context_call_under(const struct strand_context *parked, void (*fn)(void *), void *arg)
 *                               x0                                   x1                  x2
 * calls fn(arg) on this stack; to an unwinder, the parked context has called it. Gives 1.
 */
FUNCTION strand_context_call_under
    hint    #34                         /* bti c */
    stp     x29, x30, [sp, #-32]!
    .cfi_def_cfa_offset 32
    .cfi_offset x29, -32
    .cfi_offset x30, -24
    str     x19, [sp, #16]
    .cfi_offset x19, -16
    ldr     x19, [x0, #CONTEXT_SP]
    mov     x0, x2
    .cfi_remember_state
    .cfi_def_cfa x19, FRAME_BYTES
    .cfi_offset x30, FRAME_X30 - FRAME_BYTES
    .cfi_offset x29, FRAME_X29 - FRAME_BYTES
    .cfi_offset x28, FRAME_X27 + 8 - FRAME_BYTES
    .cfi_offset x27, FRAME_X27 - FRAME_BYTES
    .cfi_offset x26, FRAME_X25 + 8 - FRAME_BYTES
    .cfi_offset x25, FRAME_X25 - FRAME_BYTES
    .cfi_offset x24, FRAME_X23 + 8 - FRAME_BYTES
    .cfi_offset x23, FRAME_X23 - FRAME_BYTES
    .cfi_offset x22, FRAME_X21 + 8 - FRAME_BYTES
    .cfi_offset x21, FRAME_X21 - FRAME_BYTES
    .cfi_offset x20, FRAME_X19 + 8 - FRAME_BYTES
    .cfi_offset x19, FRAME_X19 - FRAME_BYTES
    blr     x1
    .cfi_restore_state
    mov     w0, #1
    ldr     x19, [sp, #16]
    ldp     x29, x30, [sp], #32
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x29
    .cfi_restore x30
    ret
END strand_context_call_under

/*
 * First instruction of every context: x0 is the value of the first switch, x19 the entry, sp a
 * multiple of 16. There is no caller: backtraces and exceptions end here.
 */
FUNCTION strand_context_first
    .cfi_def_cfa sp, 16
    .cfi_undefined x30
    hint    #34                         /* bti c */
    blr     x19
    bl      SYMBOL(strand_context_entry_returned)
END strand_context_first

    NOTES
