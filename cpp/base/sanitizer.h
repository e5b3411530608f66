/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ASan, TSan and Valgrind must be told about a switch of stacks. Without them each of these is
 * nothing. A `struct strand_sanitizer` belongs to one context.
 *
 *   before the switch   strand_sanitizer_leave(from or NULL when it will never run again, to)
 *   after it            strand_sanitizer_arrive(the context that now runs)
 */
#ifndef STRAND_BASE_SANITIZER_H
#define STRAND_BASE_SANITIZER_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define STRAND_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STRAND_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define STRAND_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STRAND_TSAN 1
#endif
#endif

struct strand_sanitizer {
    unsigned valgrind_id;
#if defined(STRAND_ASAN)
    void *fake_stack;
    const void *low;
    size_t size_bytes;
#endif
#if defined(STRAND_TSAN)
    void *fiber;
#endif
};

/* The carrier's own context, whose stack bounds are found at the first switch away. */
void strand_sanitizer_init_carrier(struct strand_sanitizer *s);
void strand_sanitizer_begin(struct strand_sanitizer *s, void *low, size_t size_bytes);
void strand_sanitizer_end(struct strand_sanitizer *s);

/* Whether anyone wants to know of stacks; known once a carrier's context was made. */
#if defined(STRAND_ASAN) || defined(STRAND_TSAN)
#define STRAND_SANITIZED 1
#else
extern unsigned char strand_on_valgrind;
#define STRAND_SANITIZED __builtin_expect(strand_on_valgrind, 0)
#endif

static inline void strand_sanitizer_init(struct strand_sanitizer *s, void *low, size_t size_bytes)
{
    if (STRAND_SANITIZED)
        strand_sanitizer_begin(s, low, size_bytes);
}

static inline void strand_sanitizer_destroy(struct strand_sanitizer *s)
{
    if (STRAND_SANITIZED)
        strand_sanitizer_end(s);
}

#if defined(STRAND_ASAN) || defined(STRAND_TSAN)
void strand_sanitizer_leave(struct strand_sanitizer *from, struct strand_sanitizer *to,
                            int for_ever);
void strand_sanitizer_arrive(struct strand_sanitizer *now, struct strand_sanitizer *came_from);
#else
static inline void strand_sanitizer_leave(struct strand_sanitizer *from,
                                          struct strand_sanitizer *to, int for_ever)
{
    (void)from, (void)to, (void)for_ever;
}
static inline void strand_sanitizer_arrive(struct strand_sanitizer *now,
                                           struct strand_sanitizer *came_from)
{
    (void)now, (void)came_from;
}
#endif

#endif
