// SPDX-License-Identifier: Apache-2.0
// Two contexts, the test's own and one beside it, with the sanitizers told of every switch.
#ifndef STRAND_TESTS_CONTEXT_PAIR_H
#define STRAND_TESTS_CONTEXT_PAIR_H

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>

extern "C" {
#include "context.h"
#include "sanitizer.h"
}

constexpr size_t stack_bytes = 256 * 1024;

struct Place {
    strand_context context{};
    strand_sanitizer sanitizer{};
};

// One strand beside the test itself: body runs when first resumed; resume, back hand values over.
struct Pair {
    Place here, there;
    std::unique_ptr<char[]> stack{new char[stack_bytes]};
    std::function<void(void *)> body;

    explicit Pair(std::function<void(void *)> run) : body(std::move(run))
    {
        strand_sanitizer_init_carrier(&here.sanitizer);
        strand_sanitizer_init(&there.sanitizer, stack.get(), stack_bytes);
        strand_context_prepare(&there.context, stack.get(), stack_bytes, entry);
    }

    ~Pair() { strand_sanitizer_destroy(&there.sanitizer); }

    void *resume(void *value)
    {
        starting = this;
        return go(here, there, value);
    }

    void *back(void *value) { return go(there, here, value); }

    void arrive(Place &now, Place &from)
    {
        strand_sanitizer_arrive(&now.sanitizer, &from.sanitizer);
    }

    void *go(Place &from, Place &to, void *value)
    {
        strand_sanitizer_leave(&from.sanitizer, &to.sanitizer, 0);
        void *got = strand_context_switch(&from.context, &to.context, value);
        arrive(from, to);
        return got;
    }

    static void entry(void *value)
    {
        Pair *self = starting;
        self->arrive(self->there, self->here);
        self->body(value);
        self->back(nullptr);
        abort();
    }

    static inline Pair *starting;
};

#endif
