// SPDX-License-Identifier: Apache-2.0
// A life of a scheduler from init to shutdown in which nearly every call of the public header is
// made, in a few milliseconds: for tests in which some of what lies below is refused. It ends
// whatever fails in it, and leaves nothing open.
#ifndef STRAND_TESTS_WHOLE_LIFE_H
#define STRAND_TESTS_WHOLE_LIFE_H

#include <strand/strand.h>

#include <atomic>
#include <cstdint>

struct LifeWish {
    strand_guards guards = STRAND_GUARDS_AUTO;
    int64_t patience_ns = INT64_C(30000000000);   // of those who wait for another
    bool alone = false;                           // with no other thread and scheduler beside it
    int injected = 0;                             // the error that may come out, besides others
};

struct LifeReport {
    std::atomic<int> failed{0};   // calls that gave an error
    std::atomic<int> first_status{0};   // that of the first of them
    const char *odd_call = nullptr;   // one whose error nobody could expect
    int odd_status = 0;
    const char *wrong = nullptr;      // what was not as it had been written
    const char *guards = nullptr;     // as in the statistics
};

void live_whole_life(const LifeWish &wish, LifeReport *report);

#endif
