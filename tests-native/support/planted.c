/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a memory checker must stay silent about, and what it must report, in strands:
 *
 *     planted deep STRANDS AT_ONCE     each recurses through most of its 64 KiB; sums are checked
 *     planted use-after-free           one strand makes the mistake, deep in a recursion and after
 *             stack-overflow           others have run
 *             use-after-scope
 *             use-after-return
 *             uninitialised
 *
 * 0: all is well, or nobody stopped the mistake. Plain C on the public header, so that one program
 * runs under AddressSanitizer and under valgrind.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strand/strand.h>

enum { WORDS = 128, STEP = 8 };   /* of a frame's 1 KiB every cache line is touched */

/* AddressSanitizer writes its report on the stack that it reports, which takes more than 8 KiB. */
enum {
    DEEP_CLASS_BYTES = 64 * 1024,
    DEEP_KEPT_FREE = 8 * 1024,
    MISTAKE_CLASS_BYTES = 256 * 1024,
    MISTAKE_KEPT_FREE = 240 * 1024,
};

struct descent {
    uint64_t seed;
    size_t kept_free;
    unsigned frames;
    void (*at_the_bottom)(void);
};

/* Until so little is left of the stack. Each frame writes its words, and reads them when those below
 * it are gone and other strands have run. */
static __attribute__((noinline)) uint64_t descend(struct descent *d)
{
    volatile uint64_t words[WORDS];
    uint64_t mine = d->seed + d->frames++, total = 0;
    for (unsigned i = 0; i < WORDS; i += STEP)
        words[i] = mine ^ i;
    if (strand_stack_remaining() > d->kept_free)
        total = descend(d);
    else
        d->at_the_bottom();
    for (unsigned i = 0; i < WORDS; i += STEP)
        total += words[i];
    return total;
}

static uint64_t expected(const struct descent *d)
{
    uint64_t total = 0;
    for (unsigned frame = 0; frame < d->frames; frame++)
        for (unsigned i = 0; i < WORDS; i += STEP)
            total += (d->seed + frame) ^ i;
    return total;
}

/* ---- Deep and right ------------------------------------------------------------------------------ */

static uintptr_t strands, at_once, right;

/* Its frames never return: what checkers noted of them must not outlive the strand. */
static void leave(void)
{
    strand_yield();
    right++;
    strand_exit(NULL);
}

static void go_deep(void *argument)
{
    uintptr_t number = (uintptr_t)argument;
    struct descent d = {.seed = number * 1000003, .kept_free = DEEP_KEPT_FREE,
                        .at_the_bottom = number % 8 ? strand_yield : leave};
    uint64_t *total = malloc(sizeof *total);
    strand_defer(free, total);
    *total = descend(&d);
    right += *total == expected(&d) && d.frames > 8;
}

static int spawn_deep(void *argument, strand_id *id)
{
    struct strand_options options = {.size = sizeof options, .stack_bytes = DEEP_CLASS_BYTES};
    return strand_spawn_with(NULL, &options, go_deep, argument, id);
}

/* at_once stand at the bottom of their stacks together. */
static void feed(void *unused)
{
    (void)unused;
    for (uintptr_t begun = 0; begun < strands;) {
        strand_id last = 0;
        for (uintptr_t i = 0; i < at_once && begun < strands; i++)
            if (spawn_deep((void *)++begun, &last) != 0)
                return;
        strand_join(last, STRAND_FOREVER, NULL);
    }
}

/* ---- Mistakes ------------------------------------------------------------------------------------ */

/* The compiler shall not see where it comes from. */
static void *hidden(const volatile void *pointer)
{
    void *result = (void *)(uintptr_t)pointer;
    __asm__ volatile("" : "+r"(result));
    return result;
}

static volatile char seen;
static const volatile char *lost;

static __attribute__((noinline)) void use_after_free(void)
{
    char *freed = malloc(32);
    memset(freed, 1, 32);
    lost = hidden(freed);
    strand_yield();
    free(freed);
    strand_yield();
    seen = lost[5];
}

static __attribute__((noinline)) void stack_overflow(void)
{
    volatile char array[16] = {0};
    volatile char *past = hidden(array);
    strand_yield();
    past[sizeof array + 1] = 1;
    seen = array[0];
}

static __attribute__((noinline)) void use_after_scope(void)
{
    {
        volatile char inner[16] = {1};
        lost = hidden(inner);
    }
    strand_yield();
    seen = lost[3];
}

static __attribute__((noinline)) const volatile char *return_a_local(void)
{
    volatile char local[16] = {1};
    return hidden(local);
}

static __attribute__((noinline)) void use_after_return(void)
{
    lost = return_a_local();
    strand_yield();
    seen = lost[3];
}

static __attribute__((noinline)) void uninitialised(void)
{
    volatile char array[16];
    const volatile char *unset = hidden(array);
    strand_yield();
    if (unset[3] == 7)
        seen = 1;
}

static const struct {
    const char *name;
    void (*make)(void);
} mistakes[] = {
    {"use-after-free", use_after_free},     {"stack-overflow", stack_overflow},
    {"use-after-scope", use_after_scope},   {"use-after-return", use_after_return},
    {"uninitialised", uninitialised},
};

static void make_mistake(void *argument)
{
    struct descent d = {.seed = 1, .kept_free = MISTAKE_KEPT_FREE,
                        .at_the_bottom = *(void (**)(void))argument};
    descend(&d);
}

static void yield_beside(void *unused)
{
    struct descent d = {.seed = 2, .kept_free = MISTAKE_KEPT_FREE, .at_the_bottom = strand_yield};
    (void)unused;
    descend(&d);
    strand_yield();
}

static int run(strand_entry first, void *argument, strand_entry second)
{
    strand_scheduler *s;
    struct strand_options options = {.size = sizeof options, .stack_bytes = MISTAKE_CLASS_BYTES};
    if (strand_scheduler_init(NULL, &s) != 0 ||
        strand_spawn_with(s, &options, first, argument, NULL) != 0 ||
        (second && strand_spawn_with(s, &options, second, NULL, NULL) != 0) ||
        strand_scheduler_run(s) != 0)
        return 1;
    return strand_scheduler_shutdown(s) != 0;
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[1], "deep") == 0) {
        strands = strtoul(arguments[2], NULL, 10);
        at_once = strtoul(arguments[3], NULL, 10);
        int status = run(feed, NULL, NULL);
        printf("%ju of %ju deep strands had their sums right\n", (uintmax_t)right,
               (uintmax_t)strands);
        return status || right != strands || strands == 0;
    }
    for (size_t i = 0; count == 2 && i < sizeof mistakes / sizeof *mistakes; i++)
        if (strcmp(arguments[1], mistakes[i].name) == 0)
            return run(make_mistake, (void *)&mistakes[i].make, yield_beside);
    fprintf(stderr, "planted: deep STRANDS AT_ONCE, or a mistake's name\n");
    return 2;
}
