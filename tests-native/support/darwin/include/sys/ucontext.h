/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../../README. */
#ifndef STRAND_TESTS_DARWIN_SYS_UCONTEXT_H
#define STRAND_TESTS_DARWIN_SYS_UCONTEXT_H

#include <sys/types.h>

typedef uint32_t sigset_t;

typedef struct {
    void *ss_sp;
    size_t ss_size;
    int ss_flags;
} stack_t;

#if defined(__arm64__)
struct __darwin_mcontext64 {
    struct {
        uint64_t __far;
        uint32_t __esr, __exception;
    } __es;
    struct {
        uint64_t __x[29], __fp, __lr, __sp, __pc;
        uint32_t __cpsr, __pad;
    } __ss;
};
#else
struct __darwin_mcontext64 {
    struct {
        uint16_t __trapno, __cpu;
        uint32_t __err;
        uint64_t __faultvaddr;
    } __es;
    struct {
        uint64_t __rax, __rbx, __rcx, __rdx, __rdi, __rsi, __rbp, __rsp;
        uint64_t __r8, __r9, __r10, __r11, __r12, __r13, __r14, __r15;
        uint64_t __rip, __rflags, __cs, __fs, __gs;
    } __ss;
};
#endif

typedef struct ucontext {
    int uc_onstack;
    sigset_t uc_sigmask;
    stack_t uc_stack;
    struct ucontext *uc_link;
    size_t uc_mcsize;
    struct __darwin_mcontext64 *uc_mcontext;
} ucontext_t;

#endif
