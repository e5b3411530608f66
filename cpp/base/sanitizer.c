/* SPDX-License-Identifier: Apache-2.0 */
#include "sanitizer.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define STRAND_VALGRIND 1
#endif
#endif

#if defined(STRAND_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(STRAND_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if !defined(STRAND_ASAN) && !defined(STRAND_TSAN)
unsigned char strand_on_valgrind;
#endif

/* Ids are kept one higher, so that 0 is none. The end is the first stack pointer there is, before
 * anything is pushed: one outside of every stack would look like a pop of all that lies between. */
static unsigned register_stack(void *low, size_t size_bytes)
{
#if defined(STRAND_VALGRIND)
    if (__builtin_expect(RUNNING_ON_VALGRIND, 0))
        return VALGRIND_STACK_REGISTER(low, (char *)low + size_bytes) + 1;
#endif
    (void)low, (void)size_bytes;
    return 0;
}

void strand_sanitizer_init_carrier(struct strand_sanitizer *s)
{
    *s = (struct strand_sanitizer){0};
#if defined(STRAND_VALGRIND) && !defined(STRAND_ASAN) && !defined(STRAND_TSAN)
    __atomic_store_n(&strand_on_valgrind, RUNNING_ON_VALGRIND != 0, __ATOMIC_RELAXED);
#endif
#if defined(STRAND_TSAN)
    s->fiber = __tsan_get_current_fiber();
#endif
}

void strand_sanitizer_begin(struct strand_sanitizer *s, void *low, size_t size_bytes)
{
    *s = (struct strand_sanitizer){0};
    s->valgrind_id = register_stack(low, size_bytes);
#if defined(STRAND_ASAN)
    /* A strand that ended deep in its stack left the red zones of frames that never returned. */
    __asan_unpoison_memory_region(low, size_bytes);
    s->low = low;
    s->size_bytes = size_bytes;
#endif
#if defined(STRAND_TSAN)
    s->fiber = __tsan_create_fiber(0);
#endif
}

#if defined(STRAND_ASAN)
/* A stack that ended without leaving for ever (a strand that ended on a further segment) still has
 * its fake one, which ASan frees only for the stack it believes to run on. */
static __attribute__((no_sanitize("address"))) void free_fake_stack(struct strand_sanitizer *s)
{
    void *own;
    const void *low;
    size_t size_bytes;
    __sanitizer_start_switch_fiber(&own, s->low, s->size_bytes);
    __sanitizer_finish_switch_fiber(s->fake_stack, &low, &size_bytes);
    __sanitizer_start_switch_fiber(NULL, low, size_bytes);
    __sanitizer_finish_switch_fiber(own, NULL, NULL);
}
#endif

void strand_sanitizer_end(struct strand_sanitizer *s)
{
#if defined(STRAND_ASAN)
    if (s->fake_stack)
        free_fake_stack(s);
    __asan_unpoison_memory_region(s->low, s->size_bytes);      /* whoever maps it next may write */
#endif
#if defined(STRAND_VALGRIND)
    if (s->valgrind_id != 0)
        VALGRIND_STACK_DEREGISTER(s->valgrind_id - 1);
#endif
#if defined(STRAND_TSAN)
    __tsan_destroy_fiber(s->fiber);
#endif
    (void)s;
}

#if defined(STRAND_ASAN) || defined(STRAND_TSAN)

/* Not instrumented itself: TSan would note its entry on one strand's call stack and its return on
 * the other's. */
#define BETWEEN_STACKS __attribute__((no_sanitize("thread"), no_sanitize("address"), noinline))

BETWEEN_STACKS void strand_sanitizer_leave(struct strand_sanitizer *from,
                                           struct strand_sanitizer *to, int for_ever)
{
#if defined(STRAND_ASAN)
    __sanitizer_start_switch_fiber(for_ever || !from ? NULL : &from->fake_stack, to->low,
                                   to->size_bytes);
#endif
#if defined(STRAND_TSAN)
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)from, (void)for_ever;
}

BETWEEN_STACKS void strand_sanitizer_arrive(struct strand_sanitizer *now,
                                            struct strand_sanitizer *came_from)
{
#if defined(STRAND_ASAN)
    __sanitizer_finish_switch_fiber(now->fake_stack, came_from ? &came_from->low : NULL,
                                    came_from ? &came_from->size_bytes : NULL);
#endif
#if defined(STRAND_ASAN)
    now->fake_stack = NULL;
#endif
    (void)now, (void)came_from;
}

#endif
