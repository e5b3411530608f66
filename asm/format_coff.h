/* SPDX-License-Identifier: Apache-2.0 */
/* Assembly in COFF: Windows. The same macros as in the other formats, in the same order. */
#ifndef STRAND_ASM_FORMAT_H
#define STRAND_ASM_FORMAT_H

#define SYMBOL(name) name      /* what C calls so */
#define LOCAL(name) .L##name   /* a label that leaves no symbol */

/* Only dllexport exports a function. It unwinds by .pdata and .xdata, not by CFI. */
.macro FUNCTION name
    .globl \name
    .def \name
    .scl 2
    .type 32
    .endef
    .p2align 6      /* a cache line: 2.5 ns a switch, 2.75 at 16 bytes (record 012) */
\name:
    .seh_proc \name
.endm

.macro END name
    .seh_endproc
.endm

/* Last in a file. Stacks are never executable here. */
.macro NOTES
.endm

#endif
