/* SPDX-License-Identifier: Apache-2.0 */
/* Assembly in Mach-O: macOS. The same macros as in the other formats, in the same order. */
#ifndef STRAND_ASM_FORMAT_H
#define STRAND_ASM_FORMAT_H

#define SYMBOL(name) _##name  /* what C calls so */
#define LOCAL(name) L##name   /* a label that leaves no symbol */

/* Constants of 16 bytes, which the linker may merge. */
#define CONSTANTS .literal16

/* Not exported from the library, as -fvisibility=hidden says for C. */
.macro FUNCTION name
    .globl _\name
    .private_extern _\name
    .p2align 6      /* a cache line: 2.5 ns a switch, 2.75 at 16 bytes (record 012) */
_\name:
    .cfi_startproc
.endm

.macro END name
    .cfi_endproc
.endm

/* Last in a file. Stacks are never executable here; the linker may drop what is not called. */
.macro NOTES
    .subsections_via_symbols
.endm

#endif
