/* SPDX-License-Identifier: Apache-2.0 */
/* context switch by glibc's swapcontext. */
#include <gnu/libc-version.h>
#include <ucontext.h>

#include "measure.h"

enum { ROUND_TRIPS = 1000000, WARM_ROUND_TRIPS = 10000 };

static ucontext_t carrier, other;
static char stack[64 * 1024];

static void echo(void)
{
    for (;;)
        swapcontext(&other, &carrier);
}

/* Not inlined, its loop aligned (see CMakeLists.txt): where the calls lie decides whether the jump
 * that ends a switch is predicted. */
__attribute__((noinline)) static void round_trips(long count)
{
    for (long i = 0; i < count; i++)
        swapcontext(&carrier, &other);
}

int main(int count, char **arguments)
{
    if (count == 2 && !strcmp(arguments[1], "version")) {
        printf("glibc %s\n", gnu_get_libc_version());
        return 0;
    }
    if (count != 3 || strcmp(arguments[1], "context") != 0)
        return 2;
    getcontext(&other);
    other.uc_stack.ss_sp = stack;
    other.uc_stack.ss_size = sizeof stack;
    makecontext(&other, echo, 0);
    round_trips(WARM_ROUND_TRIPS);
    int64_t begin_ns = measure_now_ns();
    round_trips(ROUND_TRIPS);
    measure_report(arguments[2], (double)(measure_now_ns() - begin_ns) / (2.0 * ROUND_TRIPS));
    return 0;
}
