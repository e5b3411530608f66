/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the assembly files share with C: the frame of this machine's ABI, by name. context_asm.c and
 * the frame's header prove the names with static_assert(offsetof). For the assembler also what
 * differs between object formats and not between instructions: names, sections, notes.
 */
#ifndef STRAND_ASM_ASM_H
#define STRAND_ASM_ASM_H

#if defined(__x86_64__) && !defined(__LP64__) && !defined(_WIN32)
#error "no assembly for x32: configure with -DSTRAND_CONTEXT=ucontext"
#elif defined(__x86_64__) && defined(_WIN32)
#include "context_x86_64_win64.h"
#elif defined(__x86_64__)
#include "context_x86_64_sysv.h"
#elif defined(__aarch64__) && defined(__LP64__) && defined(__AARCH64EL__)
#include "context_aarch64.h"
#else
#error "no assembly for this machine: configure with -DSTRAND_CONTEXT=ucontext"
#endif

#define CONTEXT_SP 0   /* struct strand_context */

#if defined(__ASSEMBLER__)
#if defined(__APPLE__)
#include "format_macho.h"
#elif defined(_WIN32)
#include "format_coff.h"
#else
#include "format_elf.h"
#endif
#endif

#endif
