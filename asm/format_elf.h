/* SPDX-License-Identifier: Apache-2.0 */
/* Assembly in ELF: Linux, BSD. The same macros as in the other formats, in the same order. */
#ifndef STRAND_ASM_FORMAT_H
#define STRAND_ASM_FORMAT_H

#define SYMBOL(name) name      /* what C calls so */
#define LOCAL(name) .L##name   /* a label that leaves no symbol */

/* Constants of 16 bytes, which the linker may merge. */
#define CONSTANTS .section .rodata.cst16, "aM", %progbits, 16

/* Not exported from the library, as -fvisibility=hidden says for C. */
.macro FUNCTION name
    .globl \name
    .hidden \name
    .type \name, %function
    .p2align 6      /* a cache line: 2.5 ns a switch, 2.75 at 16 bytes (record 012) */
\name:
    .cfi_startproc
.endm

.macro END name
    .cfi_endproc
    .size \name, . - \name
.endm

/*
 * Last in a file. The stack need not be executable; and indirect branches meet landing pads alone
 * (IBT of x86, BTI of aarch64), which holds for a library only when all its objects say so.
 * NT_GNU_PROPERTY_TYPE_0: the psABIs, "Program Property".
 */
#if defined(__x86_64__)
#define FEATURE_1_AND 0xc0000002
#else
#define FEATURE_1_AND 0xc0000000
#endif
.macro NOTES
    .section .note.gnu.property, "a", %note
    .p2align 3
    .long 4, 16, 5          /* sizes of name and description, type */
    .asciz "GNU"
    .long FEATURE_1_AND, 4  /* property, its size */
    .long 1, 0              /* IBT or BTI; no shadow stack, no PAC */
    .section .note.GNU-stack, "", %progbits
.endm

#endif
