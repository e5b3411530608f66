// SPDX-License-Identifier: Apache-2.0
#include "stack_depth.h"

#include <strand/strand.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <functional>

namespace {

constexpr uint64_t PATTERN = UINT64_C(0xa5c35a3c96e1781e);
constexpr size_t SMALL_SLOT = 8 * 1024, LARGE_SLOT = 1024 * 1024;

#if defined(__x86_64__)
constexpr size_t CALL_RECORD_BYTES = 16;   // return address and frame pointer
#else
constexpr size_t CALL_RECORD_BYTES = 0;
#endif

__attribute__((noinline)) char *frame_of_callee()
{
    return static_cast<char *>(__builtin_frame_address(0));
}

// A scheduler with one strand of that slot, in a child process: its exit status.
int in_child(size_t stack_bytes, const std::function<int()> &body)
{
    struct Job {
        const std::function<int()> *body;
        int status;
    } job{&body, 1};
    pid_t child = fork();
    if (child == 0) {
        strand_scheduler *s = nullptr;
        strand_options options{};
        options.size = sizeof options;
        options.stack_bytes = stack_bytes;
        auto live = [](void *argument) {
            auto *self = static_cast<Job *>(argument);
            self->status = (*self->body)();
            fflush(nullptr);
            _exit(self->status);   // strands that helped may still wait
        };
        if (strand_scheduler_init(nullptr, &s) == 0 &&
            strand_spawn_with(s, &options, live, &job, nullptr) == 0)
            strand_scheduler_run(s);
        _exit(1);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

// The loops write and read volatile words and call nothing, so that only fn is seen.
__attribute__((noinline)) size_t depth_of_call(void (*fn)(void *), void *arg)
{
    char *sp = frame_of_callee() + CALL_RECORD_BYTES;
    auto *high = reinterpret_cast<volatile uint64_t *>(sp);
    volatile uint64_t *low = high - DEPTH_WINDOW_BYTES / sizeof *high;
    for (volatile uint64_t *word = high; word-- > low;)
        *word = PATTERN;
    fn(arg);
    while (low < high && *low == PATTERN)
        low++;
    return static_cast<size_t>(sp - reinterpret_cast<volatile char *>(low));
}

size_t least_room(size_t stack_bytes)
{
    constexpr int colours_and_more = 64;
    static size_t least;
    least = SIZE_MAX;
    strand_scheduler *s = nullptr;
    strand_options options{};
    options.size = sizeof options;
    options.stack_bytes = stack_bytes;
    if (strand_scheduler_init(nullptr, &s) != 0)
        return 0;
    for (int i = 0; i < colours_and_more; i++)
        strand_spawn_with(
            s, &options,
            [](void *) {
                size_t room = strand_stack_remaining();
                least = room < least ? room : least;
            },
            nullptr, nullptr);
    strand_scheduler_run(s);
    strand_scheduler_shutdown(s);
    return least;
}

Depth measure(const DepthCase &depth_case)
{
    constexpr int later_calls = 5;
    int ends[2];
    Depth depth;
    if (pipe(ends) != 0)
        return depth;
    int status = in_child(LARGE_SLOT, [&] {
        if (depth_case.set_up)
            depth_case.set_up();
        for (int i = 0; i <= later_calls; i++) {
            if (depth_case.before_each)
                depth_case.before_each();
            size_t bytes = depth_of_call(depth_case.call, nullptr);
            size_t &kept = i == 0 ? depth.first_bytes : depth.later_bytes;
            kept = bytes > kept ? bytes : kept;
        }
        return write(ends[1], &depth, sizeof depth) == sizeof depth ? 0 : 1;
    });
    close(ends[1]);
    depth.measured = read(ends[0], &depth, sizeof depth) == sizeof depth && status == 0;
    close(ends[0]);
    return depth;
}

bool runs_on_small_slot(const DepthCase &depth_case, bool on_carrier)
{
    struct Call {
        void (*fn)(void *);
        bool on_carrier;
    } call{depth_case.call, on_carrier};
    auto live = [](void *argument) {
        auto *self = static_cast<Call *>(argument);
        if (self->on_carrier)
            strand_call_on_carrier(self->fn, nullptr);
        else
            self->fn(nullptr);
    };
    return in_child(LARGE_SLOT, [&] {
               strand_options options{};
               options.size = sizeof options;
               options.stack_bytes = SMALL_SLOT;
               if (depth_case.set_up)
                   depth_case.set_up();
               for (int times = 0; times < 2; times++) {
                   strand_id id;
                   if (depth_case.before_each)
                       depth_case.before_each();
                   if (strand_spawn_with(nullptr, &options, live, &call, &id) != 0 ||
                       strand_join(id, STRAND_FOREVER, nullptr) != 0)
                       return 1;
               }
               return 0;
           }) == 0;
}
