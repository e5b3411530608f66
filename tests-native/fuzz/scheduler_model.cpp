// SPDX-License-Identifier: Apache-2.0
#include "scheduler_model.h"

#include <algorithm>
#include <cerrno>

#include "fuzz.h"

int Model::may_spawn() const
{
    return stop_requested ? -ECANCELED : live() >= max_strands ? -EAGAIN : 0;
}

size_t Model::spawn()
{
    strands.emplace_back();
    counts.spawned++;
    ready.push_back(strands.size() - 1);
    return strands.size() - 1;
}

size_t Model::spawn_outside()
{
    size_t strand = strands.size();
    strands.emplace_back().state = Is::ARRIVING;
    counts.arriving++;
    post(strand, &ModelStrand::begin_posted);
    return strand;
}

void Model::append(size_t strand)
{
    strands[strand].state = Is::READY;
    ready.push_back(strand);
}

void Model::yield()
{
    append(next);
    dispatch();
}

// ---- Waits --------------------------------------------------------------------------------------

int Model::step(size_t self, uintptr_t *result)
{
    ModelStrand &s = strands[self];
    if (s.waits == Waits::PARK && s.permit) {
        s.permit = false;
        return 0;
    }
    if (s.waits == Waits::JOIN) {
        if (s.target == self)
            return -EDEADLK;
        ModelStrand &target = strands[s.target];
        if (s.handed || target.state == Is::FINISHED) {
            *result = s.handed ? *s.handed : target.kept;
            if (!s.handed)
                target.kept = 0;
            s.handed.reset();
            return 0;
        }
    }
    if (s.cancelled && !s.deferring) {
        s.cancelled = false;
        return -ECANCELED;
    }
    if (s.deadline_ns <= now_ns)
        return s.waits == Waits::SLEEP ? 0 : -ETIMEDOUT;
    return -EAGAIN;
}

int Model::ask(size_t self, Waits waits, int64_t deadline_ns, size_t target, uintptr_t *result)
{
    ModelStrand &s = strands[self];
    s.waits = waits;
    s.deadline_ns = deadline_ns;
    s.target = target;
    return ask_again(self, result);
}

int Model::ask_again(size_t self, uintptr_t *result)
{
    int answer = step(self, result);
    if (answer != -EAGAIN)
        return answer;
    ModelStrand &s = strands[self];
    s.sequence = sequences;
    if (s.deadline_ns != STRAND_FOREVER)
        sequences++;
    if (s.waits == Waits::JOIN)
        strands[s.target].joiners.push_back(self);
    s.state = Is::PARKED;
    counts.parked++;
    dispatch();
    return -EAGAIN;
}

void Model::unpark(size_t strand)
{
    ModelStrand &s = strands[strand];
    if (s.waits == Waits::JOIN) {
        std::deque<size_t> &queue = strands[s.target].joiners;
        queue.erase(std::find(queue.begin(), queue.end(), strand));
    }
    counts.parked--;
    counts.wakes++;
    append(strand);
}

void Model::wake_here(size_t strand)
{
    ModelStrand &s = strands[strand];
    s.permit = true;
    if (s.state == Is::PARKED && s.waits == Waits::PARK)
        unpark(strand);
}

void Model::cancel_here(size_t strand)
{
    ModelStrand &s = strands[strand];
    s.cancelled = true;
    if (s.state == Is::PARKED && !s.deferring)
        unpark(strand);
}

int Model::wake(size_t target, bool outside)
{
    ModelStrand &s = strands[target];
    if (outside || s.state == Is::ARRIVING || s.state == Is::FINISHED)
        return post(target, &ModelStrand::wake_posted);
    wake_here(target);
    return 0;
}

int Model::cancel(size_t target, bool outside)
{
    ModelStrand &s = strands[target];
    if (outside || s.state == Is::ARRIVING || s.state == Is::FINISHED)
        return post(target, &ModelStrand::cancel_posted);
    cancel_here(target);
    return 0;
}

void Model::finish(size_t self)
{
    ModelStrand &s = strands[self];
    REQUIRE(next == self && s.state == Is::RUNNING);
    REQUIRE(s.defers.empty());
    s.state = Is::FINISHED;
    if (s.joiners.empty())
        s.kept = s.result;
    while (!s.joiners.empty()) {
        size_t joiner = s.joiners.front();
        strands[joiner].handed = s.result;
        unpark(joiner);
    }
    counts.finished++;
    dispatch();
}

// ---- The inbox ----------------------------------------------------------------------------------

int Model::post(size_t target, bool ModelStrand::*bit)
{
    ModelStrand &s = strands[target];
    if (s.state == Is::FINISHED)
        return -ESRCH;
    s.*bit = true;
    if (!s.in_inbox)
        inbox.push_back(target);
    s.in_inbox = true;
    return 0;
}

void Model::drain()
{
    std::deque<size_t> taken;
    taken.swap(inbox);
    for (size_t strand : taken) {
        ModelStrand &s = strands[strand];
        bool begins = s.begin_posted, wakes = s.wake_posted, cancels = s.cancel_posted;
        s.in_inbox = s.begin_posted = s.wake_posted = s.cancel_posted = false;
        if (s.state == Is::FINISHED)
            continue;
        counts.remote_wakes += wakes;
        if (begins) {
            counts.arriving--;
            counts.spawned++;
            s.cancelled |= stopping;
            append(strand);
        }
        if (cancels)
            cancel_here(strand);
        if (wakes)
            wake_here(strand);
    }
}

// ---- The carrier --------------------------------------------------------------------------------

void Model::begin_stop()
{
    stopping = true;
    for (size_t strand : order_of_cancels())
        cancel_here(strand);
}

bool Model::deadlocked() const
{
    return live() > 0 && std::all_of(strands.begin(), strands.end(), [](const ModelStrand &s) {
        return s.state == Is::FINISHED || (s.state == Is::PARKED && s.waits == Waits::JOIN &&
                                           s.deadline_ns == STRAND_FOREVER);
    });
}

size_t Model::earliest() const
{
    size_t first = NOBODY;
    for (size_t i = 0; i < strands.size(); i++) {
        const ModelStrand &s = strands[i];
        if (s.state != Is::PARKED || s.deadline_ns == STRAND_FOREVER)
            continue;
        if (first == NOBODY || s.deadline_ns < strands[first].deadline_ns ||
            (s.deadline_ns == strands[first].deadline_ns && s.sequence < strands[first].sequence))
            first = i;
    }
    return first;
}

int64_t Model::time_to_wait_ns() const
{
    size_t first = earliest();
    if (first == NOBODY)
        return STRAND_FOREVER;
    return std::max<int64_t>(strands[first].deadline_ns - clock_ns, 0);
}

void Model::fire_timers()
{
    for (size_t first; (first = earliest()) != NOBODY && strands[first].deadline_ns <= now_ns;) {
        counts.timers_fired++;
        unpark(first);
    }
}

void Model::end_look()
{
    now_ns = clock_ns;
    fire_timers();
}

bool Model::look()
{
    budget = poll_bound;
    if (stop_requested && !stopping)
        begin_stop();
    drain();
    if (ready.empty()) {
        if (live() == 0)
            ended = 0;
        else if (deadlocked() && !stopping)
            ended = -EDEADLK;
        else
            waiting = true;
        return false;
    }
    end_look();
    return true;
}

void Model::dispatch()
{
    next = NOBODY;
    while (ready.empty() || budget == 0)
        if (!look())
            return;
    next = ready.front();
    ready.pop_front();
    budget--;
    counts.switches++;
    strands[next].state = Is::RUNNING;
}

void Model::go_on()
{
    REQUIRE(waiting);
    waiting = false;
    end_look();
    dispatch();
}

void Model::enter()
{
    budget = 0;
    ended.reset();
    now_ns = clock_ns;
    dispatch();
}

void Model::leave()
{
    if (stopping)
        stop_requested = false;
    stopping = false;
}
