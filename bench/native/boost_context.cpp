// SPDX-License-Identifier: Apache-2.0
// context switch by Boost.Context's own primitive, jump_fcontext; its public classes cost more.
#include <boost/context/detail/fcontext.hpp>
#include <boost/version.hpp>

#include <cstdio>
#include <cstring>

#include "measure.h"

namespace {

constexpr long round_trips = 20000000, warm_round_trips = 100000;
alignas(64) char stack[64 * 1024];

void echo(boost::context::detail::transfer_t from)
{
    for (;;)
        from = boost::context::detail::jump_fcontext(from.fctx, from.data);
}

// Not inlined, its loop aligned, as ours is.
__attribute__((noinline)) boost::context::detail::fcontext_t run(boost::context::detail::fcontext_t other, long count)
{
    for (long i = 0; i < count; i++)
        other = boost::context::detail::jump_fcontext(other, nullptr).fctx;
    return other;
}

}  // namespace

int main(int count, char **arguments)
{
    if (count == 2 && !std::strcmp(arguments[1], "version")) {
        std::printf("Boost %s\n", BOOST_LIB_VERSION);
        return 0;
    }
    if (count != 3 || std::strcmp(arguments[1], "context") != 0)
        return 2;
    auto other = boost::context::detail::make_fcontext(stack + sizeof stack, sizeof stack, echo);
    other = run(other, warm_round_trips);
    int64_t begin_ns = measure_now_ns();
    run(other, round_trips);
    measure_report(arguments[2], (double)(measure_now_ns() - begin_ns) / (2.0 * round_trips));
    return 0;
}
