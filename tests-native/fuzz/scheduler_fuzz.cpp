// SPDX-License-Identifier: Apache-2.0
// The scheduler against a model of it. Whichever strand has the carrier takes the next byte and does
// what it says, to the model and in earnest; so do, where the scheduler waits, "others", who come
// through the inbox like another thread (the harness only hides that it holds the scheduler). The
// clock is the harness's: it moves when the scheduler waits, so that nothing takes time.
//
// After each step: the strand that runs is the one whose turn it is, the answer is the model's, and
// so are the counts.
#include <cerrno>

#include "fuzz.h"
#include "scheduler_model.h"

extern "C" {
#include "scheduler_probe.h"
}

namespace {

constexpr int64_t BEGIN_NS = 1000000000;
constexpr size_t MOST_STRANDS = 200, KEYS = 3;
constexpr unsigned MOST_DEPTH = 3;

struct Actor {
    size_t number;
    strand_id id = 0;          // 0: nobody asked for it, so nobody can name it
    unsigned depth = 0;        // of strand_call and defers
};

struct World {
    Bytes bytes;
    Model model;
    strand_scheduler *scheduler = nullptr;
    std::deque<Actor> actors{};
};

World *world;
strand_key keys[KEYS], end_key;      // the last one's destructor is the last thing a strand does

// ---- Holding the real one to the model ----------------------------------------------------------

void check_counts()
{
    struct strand_scheduler_stats stats{};
    const Model::Counts &counts = world->model.counts;
    stats.size = sizeof stats;
    REQUIRE(strand_scheduler_stats(world->scheduler, &stats) == 0);
    REQUIRE(stats.live == world->model.live());
    REQUIRE(stats.spawned == counts.spawned);
    REQUIRE(stats.finished == counts.finished);
    REQUIRE(stats.switches == counts.switches);
    REQUIRE(stats.wakes == counts.wakes);
    REQUIRE(stats.remote_wakes == counts.remote_wakes);
    REQUIRE(stats.timers_fired == counts.timers_fired);
    REQUIRE(stats.parked == counts.parked);
}

void check_turn(const Actor &self)
{
    REQUIRE(!world->model.waiting);
    REQUIRE(world->model.next == self.number);
    REQUIRE(!self.id || strand_self() == self.id);
    check_counts();
}

std::vector<size_t> order_of_cancels()
{
    std::vector<size_t> order;
    probe_visit(
        world->scheduler,
        [](void *actor, void *to) {
            static_cast<std::vector<size_t> *>(to)->push_back(static_cast<Actor *>(actor)->number);
        },
        &order);
    return order;
}

// ---- What a strand does -------------------------------------------------------------------------

void live(Actor &self);

uintptr_t value_of(Actor &self) { return self.number * 256 + world->bytes.take() + 1; }

void *pointer(uintptr_t value) { return reinterpret_cast<void *>(value); }

// Every strand may be named that can be; some have ended.
Actor &some_actor() { return world->actors[world->bytes.take() % world->actors.size()]; }

int64_t some_deadline(bool finite)
{
    unsigned choice = world->bytes.take();
    int64_t near_ns = world->model.clock_ns + choice / 8;
    switch (choice % 8) {
    case 0:
        return INT64_MIN;
    case 1:
        return world->model.clock_ns - 1;
    case 2:
    case 3:
        return near_ns;
    default:
        return finite ? near_ns : STRAND_FOREVER;
    }
}

void entry(void *argument);

int spawn_really(const strand_options &options, Actor &child, bool plain, bool named)
{
    strand_scheduler *s = named ? world->scheduler : nullptr;
    strand_id *id = named ? &child.id : nullptr;
    return plain ? strand_spawn(s, entry, &child, id)
                 : strand_spawn_with(s, &options, entry, &child, id);
}

void spawn(bool outside)
{
    unsigned choice = world->bytes.take();
    strand_options options{};
    options.size = sizeof options;
    options.name = choice & 4 ? "child" : nullptr;
    options.stack_bytes = choice & 8 ? 256 * 1024 : 0;
    int expected = world->model.may_spawn();
    world->actors.push_back({world->actors.size()});
    REQUIRE(spawn_really(options, world->actors.back(), choice & 1, outside || choice & 2) ==
            expected);
    if (expected < 0)
        world->actors.pop_back();
    else if (outside)
        world->model.spawn_outside();
    else
        world->model.spawn();
}

void wake_or_cancel(bool wakes, bool outside)
{
    Actor &target = some_actor();
    if (!target.id)
        return;
    if (wakes)
        REQUIRE(world->model.wake(target.number, outside) == strand_wake(target.id));
    else
        REQUIRE(world->model.cancel(target.number, outside) == strand_cancel(target.id));
}

// Does what the model was asked; however often it resumes, the model says who runs and what with.
void wait(Actor &self, Waits waits, int64_t deadline_ns, Actor *target)
{
    uintptr_t expected_result = 0;
    void *result = nullptr;
    int expected = world->model.ask(self.number, waits, deadline_ns,
                                    target ? target->number : NOBODY, &expected_result);
    int answer = waits == Waits::PARK    ? strand_park("fuzz", deadline_ns)
                 : waits == Waits::SLEEP ? strand_sleep_until(deadline_ns)
                                         : strand_join(target->id, deadline_ns, &result);
    check_turn(self);
    if (expected == -EAGAIN)
        expected = world->model.ask_again(self.number, &expected_result);
    REQUIRE(answer == expected);
    REQUIRE(result == pointer(expected_result));
}

void join(Actor &self)
{
    Actor &target = some_actor();
    if (target.id)
        wait(self, Waits::JOIN, some_deadline(self.depth > MOST_DEPTH), &target);
}

void yield(Actor &self)
{
    world->model.yield();
    if (world->bytes.below(2))
        strand_yield();
    else
        REQUIRE(strand_sleep(0) == 0);
    check_turn(self);
}

void watch_the_end(Actor &self) { REQUIRE(strand_set_local(end_key, &self) == 0); }

// Its defers and locals are seen to by those themselves, and then the end too.
void before_end(Actor &self)
{
    if (!strand_local(end_key))
        world->model.finish(self.number);
}

void exit_now(Actor &self)
{
    uintptr_t result = world->bytes.below(3) ? value_of(self) : 0;
    world->model.strands[self.number].result = result;
    before_end(self);
    strand_exit(pointer(result));
}

void set_local(Actor &self)
{
    ModelStrand &model = world->model.strands[self.number];
    size_t key = world->bytes.below(KEYS);
    model.locals.resize(KEYS);
    REQUIRE(strand_local(keys[key]) == pointer(model.locals[key]));
    model.locals[key] = world->bytes.below(4) ? value_of(self) : 0;
    watch_the_end(self);
    REQUIRE(strand_set_local(keys[key], pointer(model.locals[key])) == 0);
    REQUIRE(strand_local(keys[key]) == pointer(model.locals[key]));
}

void deferred(void *argument)
{
    Actor &self = *static_cast<Actor *>(argument);
    ModelStrand &model = world->model.strands[self.number];
    model.deferring = true;
    unsigned steps = model.defers.back();
    model.defers.pop_back();
    self.depth = MOST_DEPTH + 1;      // no call that may end here, no wait that nothing can end
    while (steps-- > 0)
        live(self);
}

void defer(Actor &self)
{
    watch_the_end(self);
    world->model.strands[self.number].defers.push_back(world->bytes.below(4));
    REQUIRE(strand_defer(deferred, &self) == 0);
}

template <size_t key>
void destroy_local(void *value)
{
    std::vector<uintptr_t> &locals = world->model.strands[world->model.next].locals;
    REQUIRE(locals[key] && value == pointer(locals[key]));
    locals[key] = 0;
}

void destroy_end(void *actor)
{
    Actor &self = *static_cast<Actor *>(actor);
    for (uintptr_t value : world->model.strands[self.number].locals)
        REQUIRE(value == 0);
    world->model.finish(self.number);
}

void call_further(Actor &self)
{
    self.depth++;
    size_t bytes = (world->bytes.below(2) ? 16 : 200) * size_t{1024};
    REQUIRE(strand_call(bytes, [](void *actor) { live(*static_cast<Actor *>(actor)); }, &self) == 0);
    self.depth--;
}

void on_carrier(void *)
{
    void *result;
    strand_yield();
    REQUIRE(strand_self() == 0);
    REQUIRE(strand_park(nullptr, STRAND_FOREVER) == -EPERM);
    REQUIRE(strand_sleep(1) == -EPERM);
    REQUIRE(strand_join(1, STRAND_FOREVER, &result) == -EPERM);
    REQUIRE(strand_defer(deferred, nullptr) == -EPERM);
    wake_or_cancel(world->bytes.below(2), false);
}

// A thread that holds no scheduler, as long as this lives.
class Outside {
public:
    Outside() : held(probe_let_go()) {}
    ~Outside() { probe_hold(held); }

private:
    strand_scheduler *held;
};

void stop()
{
    REQUIRE(strand_scheduler_stop(world->scheduler) == 0);
    world->model.stop();
}

void act_outside()
{
    Outside outside;
    unsigned choice = world->bytes.below(16);
    if (choice < 5)
        wake_or_cancel(true, true);
    else if (choice < 9)
        wake_or_cancel(false, true);
    else if (choice < 12 && world->actors.size() < MOST_STRANDS)
        spawn(true);
    else if (choice == 12)
        probe_nudge(world->scheduler);
    else if (choice == 13)
        stop();
}

void step(Actor &self)
{
    bool deep = self.depth > MOST_DEPTH;      // in a defer
    switch (world->bytes.below(20)) {
    case 0:
    case 1:
    case 2:
        return yield(self);
    case 3:
    case 4:
        return world->actors.size() < MOST_STRANDS ? spawn(false) : (void)0;
    case 5:
    case 6:
        return wait(self, Waits::PARK, some_deadline(deep && !self.id), nullptr);
    case 7:
        return wait(self, Waits::SLEEP, some_deadline(deep), nullptr);
    case 8:
    case 9:
        return join(self);
    case 10:
    case 11:
        return wake_or_cancel(true, false);
    case 12:
        return wake_or_cancel(false, false);
    case 13:
        return set_local(self);
    case 14:
        return deep ? (void)0 : defer(self);
    case 15:
        return self.depth < MOST_DEPTH ? call_further(self) : (void)0;
    case 16:
        REQUIRE(strand_call_on_carrier(on_carrier, nullptr) == 0);
        return;
    case 17:
        return act_outside();
    case 18:
        world->model.clock_ns += world->bytes.take();      // it computes for long
        return;
    default:
        return deep ? (void)0 : exit_now(self);
    }
}

// A part of a strand's life; inside a call some steps, in its entry all of them.
void live(Actor &self)
{
    for (unsigned steps = self.depth ? 3 : 1000;
         steps > 0 && !world->bytes.empty() && !world->model.stopping; steps--) {
        step(self);
        check_turn(self);
    }
}

void entry(void *argument)
{
    Actor &self = *static_cast<Actor *>(argument);
    check_turn(self);
    live(self);
    before_end(self);
}

// ---- The carrier --------------------------------------------------------------------------------

// Nobody is left who would: those in their defers are not canceled.
void help_to_end()
{
    Outside outside;
    if (!world->model.stop_requested)
        stop();
    for (const Actor &actor : world->actors)
        if (actor.id && world->model.strands[actor.number].deferring)
            REQUIRE(strand_wake(actor.id) == world->model.wake(actor.number, true));
}

void wait_for_outside(int64_t timeout_ns)
{
    Model &model = world->model;
    int64_t expected_ns = model.time_to_wait_ns();
    REQUIRE(timeout_ns <= expected_ns);      // less where idle stacks are looked for
    if (model.stopping && timeout_ns < expected_ns)
        expected_ns = STRAND_FOREVER;        // the end of its grace
    if (expected_ns == STRAND_FOREVER && world->bytes.empty())
        help_to_end();
    else if (!world->bytes.empty() && (expected_ns == STRAND_FOREVER || world->bytes.below(4) == 0))
        act_outside();
    else
        model.clock_ns += timeout_ns;
}

void run()
{
    world->model.enter();
    int status = strand_scheduler_run(world->scheduler);
    REQUIRE(!world->model.waiting);
    REQUIRE(world->model.ended && status == *world->model.ended);
    world->model.leave();
    check_counts();
}

void make_keys()
{
    if (end_key)
        return;
    REQUIRE(strand_key_create(destroy_local<0>, &keys[0]) == 0);
    REQUIRE(strand_key_create(destroy_local<1>, &keys[1]) == 0);
    REQUIRE(strand_key_create(destroy_local<2>, &keys[2]) == 0);
    REQUIRE(strand_key_create(destroy_end, &end_key) == 0);
}

}

int64_t probe_clock_ns(void)
{
    return world ? world->model.clock_ns : BEGIN_NS;
}

void probe_wait(int64_t timeout_ns)
{
    REQUIRE(world->model.waiting || timeout_ns == 0);
    if (!world->model.waiting)
        return;
    wait_for_outside(timeout_ns);
    world->model.go_on();
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const unsigned BOUNDS[] = {1, 2, 3, 7, 64, 1024};
    make_keys();
    Bytes bytes(data, size);
    strand_scheduler_options options{};
    options.size = sizeof options;
    options.stack_bytes = 64 * 1024;
    options.poll_bound = BOUNDS[bytes.below(6)];
    options.max_strands = 3 + bytes.below(30);
    options.no_overflow_report = 1;
    World here{bytes, Model(options.poll_bound, options.max_strands, BEGIN_NS)};
    here.model.order_of_cancels = order_of_cancels;
    world = &here;
    REQUIRE(strand_scheduler_init(&options, &here.scheduler) == 0);
    spawn(true);
    do {
        run();
        act_outside();
    } while (!here.bytes.empty());
    if (here.model.live() > 0) {
        stop();
        run();
    }
    REQUIRE(here.model.live() == 0);
    REQUIRE(strand_scheduler_shutdown(here.scheduler) == 0);
    world = nullptr;
}
