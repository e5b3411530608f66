/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the assembly files share with C: the frame of this machine's ABI, by name, and the macros
 * that open and close a function. context_asm.c proves the names with static_assert(offsetof).
 */
#ifndef STRAND_ASM_ASM_H
#define STRAND_ASM_ASM_H

#if defined(__x86_64__) && !defined(_WIN32)
#include "context_x86_64_sysv.h"
#else
#error "no assembly for this machine: configure with -DSTRAND_CONTEXT=ucontext"
#endif

#define CONTEXT_SP 0   /* struct strand_context */

#if defined(__ASSEMBLER__)
/* Not exported from the library, as -fvisibility=hidden says for C. */
#define FUNCTION(name)                                                                             \
    .globl name; .hidden name; .type name, @function; .p2align 4; name: .cfi_startproc
#define END(name) .cfi_endproc; .size name, . - name
#endif

#endif
