/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two contexts that switch to and fro, in a program of nothing but landing pads: no libc, whose
 * start files have none, so that the linker marks the whole program and the machine holds every
 * indirect branch to it. Ends with 0. For aarch64 Linux; built by script/lib/check-cross.
 */
#include "check.h"
#include "context.h"

enum { TURNS = 10 };

static _Alignas(16) char stack[64 * 1024];
static struct strand_context here, there;
static long turns;

/* As the linker's stubs call it: indirectly. */
static void *(*volatile switch_to)(struct strand_context *, struct strand_context *, void *) =
    strand_context_switch;

__attribute__((noreturn)) static void leave(long status)
{
    register long x0 __asm__("x0") = status;
    register long x8 __asm__("x8") = 94;   /* exit_group */
    __asm__ volatile("svc 0" ::"r"(x0), "r"(x8));
    __builtin_unreachable();
}

void strand_check_failed(const char *file, int line, const char *condition)
{
    (void)file, (void)line, (void)condition;
    leave(3);
}

static void count(void *value)
{
    for (;;) {
        turns += (long)value;
        value = switch_to(&there, &here, (void *)(turns * 2));
    }
}

__attribute__((noreturn)) void _start(void);

__attribute__((noreturn)) void _start(void)
{
    strand_context_prepare(&there, stack, sizeof stack, count);
    for (long turn = 1; turn <= TURNS; turn++)
        if ((long)switch_to(&here, &there, (void *)1) != turn * 2)
            leave(1);
    leave(turns == TURNS ? 0 : 2);
}
