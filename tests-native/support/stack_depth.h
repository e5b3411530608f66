// SPDX-License-Identifier: Apache-2.0
// How deep a call goes: the stack below it is filled with a pattern, and the lowest word that it
// overwrote tells. What a call reserves and never writes does not count, nor what it leaves as it was.
//
//   caller's frame        | high
//   ----------------------+ <- stack pointer at the call
//   the call's frames     |
//   lowest word written   |   depth = distance from the stack pointer
//   pattern ...           | low
#ifndef STRAND_TESTS_STACK_DEPTH_H
#define STRAND_TESTS_STACK_DEPTH_H

#include <cstddef>
#include <string>
#include <vector>

constexpr size_t DEPTH_WINDOW_BYTES = 128 * 1024;   // deeper is not seen

// Of fn(arg), on the stack that the caller stands on, with DEPTH_WINDOW_BYTES free below.
size_t depth_of_call(void (*fn)(void *), void *arg);

// Bytes left where a strand's body begins, in the worst of its class: slots differ by their colour.
size_t least_room(size_t stack_bytes);

enum class Room { SMALL_SLOT, ON_REQUEST };   // fits 8 KiB; or ask: the carrier, a larger slot

struct DepthCase {
    const char *name;
    Room room;
    void (*set_up)();        // once, in a strand; may be null
    void (*before_each)();   // may be null
    void (*call)(void *);    // gets null
};

struct Depth {
    bool measured = false;
    size_t first_bytes = 0, later_bytes = 0;
};

const std::vector<DepthCase> &depth_cases();
// Each in a process of its own, so that the first call is one: on a stack with room for all.
Depth measure(const DepthCase &depth_case);
// Whether it ends well on the smallest slots, twice; on_carrier: by strand_call_on_carrier.
bool runs_on_small_slot(const DepthCase &depth_case, bool on_carrier);

#endif
