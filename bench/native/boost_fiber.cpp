// SPDX-License-Identifier: Apache-2.0
// Boost.Fiber with its round-robin scheduler, on 64 KiB stacks from one mapping, last used first.
// That is kinder to it than its own allocators: the pool writes into the low page of each stack,
// guard pages end at vm.max_map_count, and malloc takes 10 us a stack at a million.
#include <boost/fiber/all.hpp>
#include <boost/version.hpp>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <vector>

#include "measure.h"

namespace fibers = boost::fibers;

struct system_handle {
    fibers::context *context;
};

class slots {
public:
    static constexpr std::size_t slot_bytes = 64 * 1024, slot_count = 1000000 + 16;

    boost::context::stack_context allocate()
    {
        boost::context::stack_context stack;
        stack.size = slot_bytes;
        if (!free_.empty()) {
            stack.sp = free_.back();
            free_.pop_back();
            return stack;
        }
        if (used_ == slot_count)
            throw std::bad_alloc();
        stack.sp = base() + ++used_ * slot_bytes;
        return stack;
    }

    void deallocate(boost::context::stack_context &stack) noexcept { free_.push_back(stack.sp); }

private:
    static char *base()
    {
        static void *memory = mmap(nullptr, slot_bytes * slot_count, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
            measure_fail("mmap", errno);
        return static_cast<char *>(memory);
    }

    static inline std::vector<void *> free_;
    static inline std::size_t used_ = 0;
};

static long live;
static fibers::context *main_context;

static void system_spawn(void (*fn)(void *), void *argument)
{
    live++;
    fibers::fiber(fibers::launch::post, std::allocator_arg, slots(),
                  [fn, argument] {
                      fn(argument);
                      if (--live == 0)
                          fibers::context::active()->schedule(main_context);
                  })
        .detach();
}

static void system_run(void (*root)(void *), void *argument)
{
    main_context = fibers::context::active();
    system_spawn(root, argument);
    main_context->suspend();
}

static void system_yield(void)
{
    boost::this_fiber::yield();
}

static void system_park(struct system_handle *handle)
{
    handle->context = fibers::context::active();
    handle->context->suspend();
}

static void system_wake(struct system_handle *handle)
{
    fibers::context::active()->schedule(handle->context);
}

#include "cases.h"

int main(int count, char **arguments)
{
    if (count == 2 && !std::strcmp(arguments[1], "version")) {
        std::printf("Boost %s\n", BOOST_LIB_VERSION);
        return 0;
    }
    return count == 3 ? cases_main(arguments[1], arguments[2]) : 2;
}
