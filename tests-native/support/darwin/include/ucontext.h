/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_UCONTEXT_H
#define STRAND_TESTS_DARWIN_UCONTEXT_H

#if !defined(_XOPEN_SOURCE)
#error "ucontext(3) is there only with _XOPEN_SOURCE"
#endif
#include <sys/ucontext.h>

int getcontext(ucontext_t *context);
void makecontext(ucontext_t *context, void (*entry)(void), int count, ...);
int swapcontext(ucontext_t *from, const ucontext_t *to);

#endif
