/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fallback: slow, since swapcontext changes the signal mask by a system call each time, but it
 * runs wherever there is a libc. glibc and musl's libucontext keep the floating-point control
 * words.
 */
#include "context.h"

#include <stdint.h>

#include "check.h"

const char strand_context_name[] = "ucontext";

/* Debuggers and exceptions find no caller: they would take what makecontext left for one. */
#if defined(__x86_64__)
#define NO_CALLER ".cfi_undefined rip"
#elif defined(__aarch64__)
#define NO_CALLER ".cfi_undefined x30"
#else
#define NO_CALLER ""
#endif

/* makecontext passes ints: the pointer comes in halves. */
static void first(unsigned high, unsigned low)
{
    __asm__ volatile(NO_CALLER);
    struct strand_context *context =
        (struct strand_context *)(((uintptr_t)high << 16 << 16) | (uintptr_t)low);
    context->entry(context->value);
    strand_check_failed(__FILE__, __LINE__, "a context's entry never returns");
}

void strand_context_prepare(struct strand_context *context, void *low, size_t size_bytes,
                            strand_context_entry entry)
{
    CHECK(size_bytes >= 2048);
    CHECK(getcontext(&context->registers) == 0);
    context->registers.uc_stack.ss_sp = low;
    context->registers.uc_stack.ss_size = size_bytes;
    context->registers.uc_link = NULL;
    context->entry = entry;
    context->value = NULL;
    context->sp = (char *)low + size_bytes;
    uintptr_t self = (uintptr_t)context;
    makecontext(&context->registers, (void (*)(void))first, 2, (unsigned)(self >> 16 >> 16),
                (unsigned)self);
}

/* The frame of a callee lies below everything its caller has pushed. */
static __attribute__((noinline)) void *below_my_caller(void)
{
    return __builtin_frame_address(0);
}

void *strand_context_switch(struct strand_context *from, struct strand_context *to, void *value)
{
    to->value = value;
    from->sp = below_my_caller();
    CHECK(swapcontext(&from->registers, &to->registers) == 0);
    return from->value;
}

/* Its registers lie in a layout of each libc's and machine's own. */
int strand_context_call_under(const struct strand_context *parked, void (*fn)(void *), void *arg)
{
    (void)parked, (void)fn, (void)arg;
    return 0;
}
