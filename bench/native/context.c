/* SPDX-License-Identifier: Apache-2.0 */
/* context switch: two contexts switch to and fro; a switch is half of a round trip. */
#include <strand/strand.h>

#include "context.h"
#include "measure.h"

enum { ROUND_TRIPS = 20000000, WARM_ROUND_TRIPS = 100000 };

static struct strand_context carrier, other;
static _Alignas(64) char stack[64 * 1024];

static void echo(void *value)
{
    for (;;)
        value = strand_context_switch(&other, &carrier, value);
}

/* Not inlined, its loop aligned (see CMakeLists.txt): where the calls lie decides whether the jump
 * that ends a switch is predicted. */
__attribute__((noinline)) static void round_trips(long count)
{
    for (long i = 0; i < count; i++)
        strand_context_switch(&carrier, &other, &other);
}

int main(int count, char **arguments)
{
    if (count == 2 && !strcmp(arguments[1], "version")) {
        printf("%s %s\n", strand_version(), strand_context_name);
        return 0;
    }
    if (count != 3 || strcmp(arguments[1], "context") != 0)
        return 2;
    long trips = strcmp(strand_context_name, "asm") == 0 ? ROUND_TRIPS : ROUND_TRIPS / 10;
    strand_context_prepare(&other, stack, sizeof stack, echo);
    round_trips(WARM_ROUND_TRIPS);
    int64_t begin_ns = measure_now_ns();
    round_trips(trips);
    measure_report(arguments[2], (double)(measure_now_ns() - begin_ns) / (2.0 * (double)trips));
    return 0;
}
