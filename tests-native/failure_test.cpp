// SPDX-License-Identifier: Apache-2.0
// A whole life in which the n-th call of a kind is refused, once or from then on, for n = 1, 2, ...
// until a life in which nothing was: each ends in a child that says what came of it. Then one in
// which nothing is refused must do all it is to do, and leave what it found.
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "alone.h"
#include "child.h"
#include "failing_calls.h"
#include "whole_life.h"

namespace {

struct Traces {
    long blocks, mapped_bytes;
    int descriptors;

    bool operator==(const Traces &o) const
    {
        return blocks == o.blocks && mapped_bytes == o.mapped_bytes && descriptors == o.descriptors;
    }
};

std::ostream &operator<<(std::ostream &out, const Traces &t)
{
    return out << t.blocks << " blocks, " << t.mapped_bytes << " bytes mapped, " << t.descriptors
               << " descriptors";
}

Traces traces()
{
    int descriptors = descriptors_when_alone();      // first: what its threads have is freed then
    return {failing.blocks, failing.mapped_bytes, descriptors};
}

struct Record {
    unsigned long refused;
    LifeReport disturbed, undisturbed;
    Traces before, after_disturbed, after;
};

constexpr int64_t SHORT_NS = 100000000;

// Since what the process keeps for ever (table, earlier handlers) is kept from its first life on.
void live_twice(const LifeWish &wish, Calls kind, unsigned long first, bool for_ever, Record *record)
{
    LifeWish undisturbed = wish;
    undisturbed.patience_ns = LifeWish().patience_ns;
    record->before = traces();
    failing.refuse(kind, first, for_ever, wish.injected);
    live_whole_life(wish, &record->disturbed);
    record->refused = failing.stop();
    record->after_disturbed = traces();
    live_whole_life(undisturbed, &record->undisturbed);
    record->after = traces();
}

struct Refusal {
    const char *name;
    Calls kind;
    int error;
    bool for_ever;
    strand_guards guards = STRAND_GUARDS_AUTO;
};

std::ostream &operator<<(std::ostream &out, const Refusal &refusal)
{
    return out << refusal.name;
}

class EachCall : public testing::TestWithParam<Refusal> {
protected:
    void live(unsigned long first)
    {
        LifeWish wish;
        wish.guards = GetParam().guards;
        wish.injected = GetParam().error;
        if (GetParam().for_ever)      // then some wait in vain; else it would be a mistake
            wish.patience_ns = SHORT_NS;
        Calls kind = first ? GetParam().kind : Calls::None;
        memset(static_cast<void *>(record.get()), 0, sizeof *record.get());
        outcome = in_child([&] { live_twice(wish, kind, first, GetParam().for_ever, record.get()); });
        ASSERT_TRUE(outcome.exited_with(CAME_TO_ITS_END)) << outcome;
    }

    void expect_clean(const Traces &kept)
    {
        EXPECT_EQ(record->disturbed.odd_call, nullptr)
            << record->disturbed.odd_call << " gave " << record->disturbed.odd_status;
        EXPECT_EQ(record->disturbed.wrong, nullptr) << record->disturbed.wrong;
        EXPECT_TRUE(GetParam().for_ever || says_so(record->disturbed.first_status))
            << record->disturbed.first_status;
        EXPECT_EQ(record->undisturbed.failed, 0);
        EXPECT_EQ(record->undisturbed.wrong, nullptr) << record->undisturbed.wrong;
        EXPECT_EQ(record->after_disturbed.descriptors, record->before.descriptors);
        EXPECT_EQ(record->after_disturbed.mapped_bytes, record->before.mapped_bytes);
        EXPECT_LE(record->after_disturbed.blocks, kept.blocks);
        EXPECT_EQ(record->after, kept);
    }

    // The first error to come out, from which others follow, is that of the call.
    static bool says_so(int status)
    {
        Calls kind = GetParam().kind;
        return status == 0 || status == -GetParam().error || status == -ENOMEM ||
               (kind == Calls::Pages && status == -EAGAIN) ||           // no more guards by mprotect
               (kind == Calls::Transfers && status == -ECONNRESET);     // to the peer of who met it
    }

    Shared<Record> record;
    Outcome outcome;
};

TEST_P(EachCall, shouldBeRefusedWithoutHarm)
{
    live(0);
    Traces kept = record->after;
    ASSERT_EQ(kept.descriptors, record->before.descriptors);
    expect_clean(kept);
    // An emulator or a sanitizer takes its time for each; there some must do.
    unsigned long step = emulated() ? 29 : sanitized || under_valgrind() ? 7 : 1, first = 1;
    for (; !HasFailure(); first += step) {
        SCOPED_TRACE(first);
        live(first);
        if (HasFailure() || record->refused == 0)
            break;
        expect_clean(kept);
    }
    RecordProperty("lives", static_cast<int>(first));
    EXPECT_GT(first, 1u) << "something was to be refused";
}

// What a process keeps for ever is made once.
TEST(Lives, shouldLeaveNothingMoreOneAfterTheOther)
{
    Shared<Record> record;
    Outcome outcome = in_child([&] {
        live_twice(LifeWish(), Calls::None, 0, false, record.get());
        Traces twice = record->after;
        live_twice(LifeWish(), Calls::None, 0, false, record.get());
        if (!(record->after == twice))
            std::cerr << twice << ", then " << record->after << "\n";
        else
            _exit(0);
    });
    EXPECT_TRUE(outcome.exited_with(0)) << outcome;
}

// The table of ids is a process's, and grows by 16,384 entries: here it cannot.
TEST(Lives, shouldRefuseAStrandThatFindsNoEntryInTheTable)
{
    Outcome outcome = in_child([] {
        static int begun, ended, status;
        strand_scheduler *s;
        strand_scheduler_init(nullptr, &s);
        strand_spawn(s, [](void *) {
            strand_options options{};
            options.size = sizeof options;
            options.dense_stack = 1;      // as many as that, by one arena
            for (status = 0; status == 0; begun += status == 0) {
                status = strand_spawn_with(nullptr, &options, [](void *) { ended++; }, nullptr, nullptr);
                if (begun == 10)
                    failing.refuse(Calls::Memory, 1, true, ENOMEM);
            }
            failing.stop();
        }, nullptr, nullptr);
        bool ran = strand_scheduler_run(s) == 0;
        bool closed = strand_scheduler_shutdown(s) == 0;
        std::cerr << status << " after " << begun << ", " << ended << " ended\n";
        _exit(status == -ENOMEM && begun > 1000 && ended == begun && ran && closed ? 0 : 1);
    });
    EXPECT_TRUE(outcome.exited_with(0)) << outcome;
}

const Refusal refusals[] = {
    {"MemoryOnce", Calls::Memory, ENOMEM, false},
    {"MemoryForEver", Calls::Memory, ENOMEM, true},
    {"PagesOnce", Calls::Pages, ENOMEM, false},
    {"PagesForEver", Calls::Pages, ENOMEM, true},
    {"PagesByFilterOnce", Calls::Pages, EPERM, false},
    {"PagesByFilterForEver", Calls::Pages, EPERM, true},
    {"PagesUnknownForEver", Calls::Pages, ENOSYS, true},
    {"PagesByMprotectOnce", Calls::Pages, ENOMEM, false, STRAND_GUARDS_MPROTECT},
    {"PagesByMprotectForEver", Calls::Pages, ENOMEM, true, STRAND_GUARDS_MPROTECT},
    {"DescriptorsOnce", Calls::Descriptors, EMFILE, false},
    {"DescriptorsForEver", Calls::Descriptors, EMFILE, true},
    {"DescriptorsByFilterForEver", Calls::Descriptors, EPERM, true},
    {"LoopOnce", Calls::Loop, ENOSPC, false},
    {"LoopForEver", Calls::Loop, ENOMEM, true},
    {"TransfersOnce", Calls::Transfers, EIO, false},
    {"TransfersForEver", Calls::Transfers, EIO, true},
    {"SocketsOnce", Calls::Sockets, ENOBUFS, false},
    {"SocketsForEver", Calls::Sockets, ENOBUFS, true},
    {"ThreadsForEver", Calls::Threads, EAGAIN, true},
};

INSTANTIATE_TEST_SUITE_P(Refused, EachCall, testing::ValuesIn(refusals),
                         [](const auto &info) { return info.param.name; });

} // namespace
