/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scheduler.h"

/* Of the first version, up to and with its last member. */
#define FIRST_BYTES(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

static int read_known(const void *given, size_t given_bytes, size_t first_bytes, void *known,
                      size_t known_bytes)
{
    if (given_bytes < first_bytes)
        return -EINVAL;
    memcpy(known, given, given_bytes < known_bytes ? given_bytes : known_bytes);
    return 0;
}

int strand_options_read(const struct strand_options *given, struct strand_options *known)
{
    *known = (struct strand_options){.size = sizeof *known};
    return given ? read_known(given, given->size, FIRST_BYTES(struct strand_options, stack_bytes),
                              known, sizeof *known)
                 : 0;
}

int strand_scheduler_options_read(const struct strand_scheduler_options *given,
                                  struct strand_scheduler_options *known)
{
    *known = (struct strand_scheduler_options){.size = sizeof *known};
    return given ? read_known(given, given->size,
                              FIRST_BYTES(struct strand_scheduler_options, grace_ns), known,
                              sizeof *known)
                 : 0;
}

/*
 * Frames of instrumented code are several times larger, and a control block may be (ucontext on
 * some systems): where 4 KiB would not hold what they are meant for, a dense strand gets a small
 * stack with a guard, which is stricter about overruns than the canary.
 */
int strand_stack_dense_class(void)
{
#if defined(STRAND_ASAN) || defined(STRAND_TSAN)
    return STRAND_STACK_16K;
#else
    return STRAND_CONTROL_PLACE_BYTES <= 512 ? STRAND_STACK_DENSE : STRAND_STACK_16K;
#endif
}

int strand_stack_class_wanted(const strand_scheduler *s, const struct strand_options *options)
{
    if (options->dense_stack && options->stack_bytes > strand_stack_class_bytes(STRAND_STACK_DENSE))
        return -EINVAL;
    if (options->dense_stack)
        return strand_stack_dense_class();
    return options->stack_bytes ? strand_stack_class_for(options->stack_bytes)
                                : (int)s->default_class;
}

static void tell(const char *text, size_t length)
{
    if (write(STDERR_FILENO, text, length) < 0)
        return;
}

/* No printf: it takes as much stack again as the strand has, and what lies below is another's. */
void strand_scheduler_dense_overrun(const struct strand *strand)
{
    static const char before[] = "strand: strand ";
    static const char after[] = ": dense stack of 4096 bytes overrun; "
                                                             "use stack_bytes\n";
    char id[2 * sizeof strand->id];
    size_t at = sizeof id;
    uint64_t rest = strand->id;
    do {
        id[--at] = "0123456789abcdef"[rest % 16];
        rest /= 16;
    } while (rest);
    tell(before, sizeof before - 1);
    tell(id + at, sizeof id - at);
    const char *name = strand_name(strand);
    if (name[0]) {
        tell(" \"", 2);
        tell(name, strnlen(name, STRAND_NAME_BYTES));
        tell("\"", 1);
    }
    tell(after, sizeof after - 1);
    abort();
}
