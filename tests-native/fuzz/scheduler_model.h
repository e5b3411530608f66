// SPDX-License-Identifier: Apache-2.0
// What strand.h says of a scheduler, as plainly as it can be written down: queues of numbers, no
// stacks, no atomics. The fuzz target does each thing to both and holds the real one to this.
//
// A switch is told here before it is made there. `next` then names who must run, NOBODY while the
// carrier waits for the outside, and `ended` what strand_scheduler_run must return.
#ifndef STRAND_FUZZ_SCHEDULER_MODEL_H
#define STRAND_FUZZ_SCHEDULER_MODEL_H

#include <strand/strand.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

constexpr size_t NOBODY = SIZE_MAX;

enum class Waits { NOT, PARK, SLEEP, JOIN };
enum class Is { ARRIVING, READY, RUNNING, PARKED, FINISHED };

struct ModelStrand {
    Is state = Is::READY;
    bool permit = false, cancelled = false, deferring = false;
    bool begin_posted = false, wake_posted = false, cancel_posted = false, in_inbox = false;

    Waits waits = Waits::NOT;      // what it was asked last; armed while PARKED
    int64_t deadline_ns = 0;
    uint64_t sequence = 0;         // of its timer
    size_t target = NOBODY;        // of its join
    std::optional<uintptr_t> handed;      // by the target's end
    std::deque<size_t> joiners;

    uintptr_t result = 0, kept = 0;
    std::vector<unsigned> defers;
    std::vector<uintptr_t> locals;
};

class Model {
public:
    struct Counts {
        uint64_t spawned = 0, finished = 0, switches = 0, wakes = 0, remote_wakes = 0;
        uint64_t timers_fired = 0, parked = 0, arriving = 0;
    };

    Model(unsigned poll_bound, size_t max_strands, int64_t start_ns)
        : clock_ns(start_ns), poll_bound(poll_bound), max_strands(max_strands), now_ns(start_ns)
    {
    }

    // -- what strands and others do --
    int may_spawn() const;
    size_t spawn();                // by the holder: READY, at the tail
    size_t spawn_outside();        // through the inbox
    void yield();
    // 0, -ECANCELED, -ETIMEDOUT, -EDEADLK; or -EAGAIN, and it has parked.
    int ask(size_t self, Waits waits, int64_t deadline_ns, size_t target, uintptr_t *result);
    // The same question again, when it runs again.
    int ask_again(size_t self, uintptr_t *result);
    int wake(size_t target, bool outside);
    int cancel(size_t target, bool outside);
    void finish(size_t self);
    void stop() { stop_requested = true; }

    // -- the carrier --
    void enter();                  // run begins
    void leave();                  // it has returned
    // What a look does after it has waited, and then on to whoever is next.
    void go_on();
    // STRAND_FOREVER when only the outside can help.
    int64_t time_to_wait_ns() const;
    // In which order the scheduler cancels its strands when it stops is its own affair.
    std::function<std::vector<size_t>()> order_of_cancels;

    uint64_t live() const { return counts.spawned - counts.finished + counts.arriving; }

    std::vector<ModelStrand> strands;
    Counts counts;
    size_t next = NOBODY;
    bool waiting = false;          // in the loop, for the outside
    std::optional<int> ended;
    bool stop_requested = false, stopping = false;
    int64_t clock_ns;              // what the clock says

private:
    int step(size_t self, uintptr_t *result);
    void append(size_t strand);
    void unpark(size_t strand);
    void wake_here(size_t strand);
    void cancel_here(size_t strand);
    int post(size_t target, bool ModelStrand::*bit);
    void drain();
    void begin_stop();
    bool deadlocked() const;
    size_t earliest() const;       // of the timers
    void fire_timers();
    void dispatch();
    void end_look();
    bool look();                   // false: it waits, or it is over

    const unsigned poll_bound;
    const size_t max_strands;
    std::deque<size_t> ready, inbox;
    unsigned budget = 0;           // switches until the next look
    uint64_t sequences = 0;
    int64_t now_ns;                // the scheduler's: of its last look
};

#endif
