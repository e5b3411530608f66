// SPDX-License-Identifier: Apache-2.0
// Kernels that refuse: filters (seccomp) that let some calls fail, or only seem to succeed; little
// address space; a memory cgroup at its limit. All of it befalls children.
#include <fcntl.h>
#include <sys/stat.h>
#include <strand/strand.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "child.h"
#include "seccomp.h"
#include "whole_life.h"

namespace {

constexpr size_t KIB = 1024, MIB = 1024 * KIB;
constexpr int WELL = 0, ILL = 1;

struct Answer {
    const char *name;
    int error;      // 0: the call seems to succeed, and does nothing
};

std::ostream &operator<<(std::ostream &out, const Answer &answer)
{
    return out << answer.name;
}

unsigned action_of(const Answer &answer)
{
    return SECCOMP_RET_ERRNO | static_cast<unsigned>(answer.error);
}

class Filtered : public testing::TestWithParam<Answer> {
protected:
    void SetUp() override
    {
        if (emulated())
            GTEST_SKIP() << "the emulator has no seccomp";
        if (under_valgrind())
            GTEST_SKIP() << "valgrind makes such calls for itself";
    }
};

using Refused = Filtered;
using RefusedOrFaked = Filtered;

bool lives_well(const char *guards)
{
    LifeReport report;
    live_whole_life(LifeWish(), &report);
    if (report.failed || report.wrong || strcmp(report.guards, guards) != 0)
        fprintf(stderr, "%d calls failed, %s, guards %s\n", report.failed.load(),
                report.wrong ? report.wrong : "nothing wrong", report.guards);
    return !report.failed && !report.wrong && strcmp(report.guards, guards) == 0;
}

// ---- Guards

TEST_P(RefusedOrFaked, shouldGuardByMprotectAndSaySo)
{
    Outcome outcome = in_child([] {
        forbid({SYS_madvise}, action_of(GetParam()));
        _exit(lives_well("mprotect") ? WELL : ILL);
    });
    EXPECT_TRUE(outcome.exited_with(WELL)) << outcome;
}

TEST_P(RefusedOrFaked, shouldStillNameTheStrandThatOverflows)
{
    Outcome outcome = in_child([] {
        forbid({SYS_madvise}, action_of(GetParam()));
        strand_scheduler *s;
        strand_scheduler_init(nullptr, &s);
        strand_spawn(s, [](void *) {
            auto *below = static_cast<volatile char *>(__builtin_frame_address(0));
            below[-static_cast<long>(strand_stack_remaining()) - 100] = 1;
        }, nullptr, nullptr);
        strand_scheduler_run(s);
    });
    EXPECT_NE(outcome.err.find("strand: stack overflow in strand"), std::string::npos) << outcome;
    EXPECT_FALSE(outcome.exited_with(CAME_TO_ITS_END)) << outcome;
}

// The kernel was found to have them; then a filter comes.
TEST_P(Refused, shouldGuardFurtherStacksByMprotect)
{
    Outcome outcome = in_child([] {
        strand_scheduler *s;
        int begun = 0;
        strand_scheduler_init(nullptr, &s);
        strand_spawn(s, [](void *) {}, nullptr, nullptr);
        forbid({SYS_madvise, SYS_process_madvise}, action_of(GetParam()));
        while (begun < 100 && strand_spawn(s, [](void *) {}, nullptr, nullptr) == 0)
            begun++;
        _exit(begun == 100 && strand_scheduler_run(s) == 0 ? WELL : ILL);
    });
    EXPECT_TRUE(outcome.exited_with(WELL)) << outcome;
}

// ---- The loop and its calls

int lowest_free_descriptor()
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

TEST_P(Refused, shouldRefuseASchedulerThatCannotBeWoken)
{
    for (unsigned call : {SYS_eventfd2, SYS_epoll_create1}) {
        Outcome outcome = in_child([&] {
            forbid({call}, action_of(GetParam()));
            strand_scheduler *s = nullptr;
            int before = lowest_free_descriptor();
            int status = strand_scheduler_init(nullptr, &s);
            _exit(status == -GetParam().error && !s && lowest_free_descriptor() == before ? WELL
                                                                                           : ILL);
        });
        EXPECT_TRUE(outcome.exited_with(WELL)) << outcome;
    }
}

TEST_P(Refused, shouldLiveWithoutTheNewerCalls)
{
    Outcome outcome = in_child([] {
        const char *guards = "lightweight";
        LifeReport report;
        live_whole_life(LifeWish(), &report);
        guards = report.guards;
        forbid({SYS_epoll_pwait2, SYS_preadv2, SYS_pwritev2, SYS_process_madvise},
               action_of(GetParam()));
        _exit(lives_well(guards) ? WELL : ILL);
    });
    EXPECT_TRUE(outcome.exited_with(WELL)) << outcome;
}

const Answer refusals[] = {{"EPERM", EPERM}, {"ENOSYS", ENOSYS}};
const Answer answers[] = {{"EINVAL", EINVAL}, {"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"Faked", 0}};
const auto name_of = [](const auto &info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(By, Refused, testing::ValuesIn(refusals), name_of);
INSTANTIATE_TEST_SUITE_P(By, RefusedOrFaked, testing::ValuesIn(answers), name_of);

// ---- Address space

class Short : public testing::Test {
protected:
    void SetUp() override
    {
        if (sanitized)
            GTEST_SKIP() << "the sanitizers need address space without limit";
        if (emulated())
            GTEST_SKIP() << "the emulator limits no address space";
        if (under_valgrind())
            GTEST_SKIP() << "valgrind has its own";
    }
};

size_t bytes_of(const char *what)
{
    size_t kib = 0;
    char line[128];
    FILE *file = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof line, file))
        if (strncmp(line, what, strlen(what)) == 0)
            sscanf(line + strlen(what), ": %zu", &kib);
    fclose(file);
    return kib * KIB;
}

void park(void *)
{
    strand_park("until the end", STRAND_FOREVER);
}

// As many strands as there is room for, at least `least`; they run, and so does one afterwards.
int fill_and_run(int least)
{
    strand_scheduler *s;
    int status = strand_scheduler_init(nullptr, &s), begun = 0;
    if (status != 0)
        return ILL;
    while ((status = strand_spawn(s, park, nullptr, nullptr)) == 0)
        begun++;
    bool again = strand_spawn(s, park, nullptr, nullptr) == status;
    strand_scheduler_stop(s);
    bool ran = strand_scheduler_run(s) == 0;
    bool next = strand_spawn(s, [](void *) {}, nullptr, nullptr) == 0 && strand_scheduler_run(s) == 0;
    bool closed = strand_scheduler_shutdown(s) == 0;
    fprintf(stderr, "%d begun, then %d; again %d ran %d next %d closed %d\n", begun, status, again,
            ran, next, closed);
    return status == -ENOMEM && begun >= least && again && ran && next && closed ? WELL : ILL;
}

// RLIMIT_DATA counts what may be written, as vm.overcommit_memory=2 does for the machine.
class ShortOf : public Short, public testing::WithParamInterface<Answer> {};

TEST_P(ShortOf, shouldFillWhatThereIsAndNameTheSettings)
{
    Outcome outcome = in_child([] {
        int limit = GetParam().error;
        size_t used = bytes_of(limit == RLIMIT_AS ? "VmSize" : "VmData");
        rlimit few = {used + 24 * MIB, RLIM_INFINITY};
        setrlimit(static_cast<__rlimit_resource>(limit), &few);
        _exit(fill_and_run(30));
    });
    EXPECT_TRUE(outcome.exited_with(WELL)) << outcome;
    size_t told = outcome.err.find("strand: no more stacks: ");
    ASSERT_NE(told, std::string::npos) << outcome;
    EXPECT_NE(outcome.err.find("RLIMIT_AS", told), std::string::npos) << outcome;
    EXPECT_NE(outcome.err.find("vm.overcommit_memory", told), std::string::npos) << outcome;
    EXPECT_EQ(outcome.err.find("strand:", told + 1), std::string::npos) << "once: " << outcome;
}

const Answer limits[] = {{"AddressSpace", RLIMIT_AS}, {"WritableMemory", RLIMIT_DATA}};
INSTANTIATE_TEST_SUITE_P(By, ShortOf, testing::ValuesIn(limits), name_of);

int overcommit()
{
    int mode = -1;
    FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
    if (file && fscanf(file, "%d", &mode) != 1)
        mode = -1;
    if (file)
        fclose(file);
    return mode;
}

TEST_F(Short, shouldLiveUnderStrictOvercommit)
{
    if (overcommit() != 2)
        GTEST_SKIP() << "vm.overcommit_memory is " << overcommit()
                     << " here, not 2; it is the whole machine's";
    LifeReport report;
    live_whole_life(LifeWish(), &report);
    EXPECT_EQ(report.failed, 0);
}

// ---- A memory cgroup

bool write_file(const std::string &path, const std::string &text)
{
    int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text.data(), text.size()) == ssize_t(text.size());
    if (fd >= 0)
        close(fd);
    return written;
}

// A group of its own with little memory; "" where there can be none.
class Group {
public:
    explicit Group(size_t bytes)
    {
        const struct { const char *folder, *limit; } hierarchies[] = {
            {"/sys/fs/cgroup/memory", "/memory.limit_in_bytes"}, {"/sys/fs/cgroup", "/memory.max"}};
        for (auto &hierarchy : hierarchies) {
            std::string name = hierarchy.folder + ("/strand-test-" + std::to_string(getpid()));
            if (mkdir(name.c_str(), 0755) != 0)
                continue;
            path = name;
            if (write_file(path + hierarchy.limit, std::to_string(bytes)))
                return;
            rmdir(path.c_str());
            path.clear();
        }
    }
    ~Group()
    {
        if (!path.empty())
            rmdir(path.c_str());
    }

    std::string path;
};

void use_its_stack(void *)
{
    volatile char room[128 * KIB];
    for (size_t i = 0; i < sizeof room; i += 512)
        room[i] = 1;
    strand_park("with its stack in use", STRAND_FOREVER);
}

// Pages of a stack come by touching them, and there the kernel tells nobody: it ends the process.
TEST_F(Short, shouldBeEndedByTheKernelAloneAtTheLimitOfItsMemory)
{
    Group group(48 * MIB);
    if (group.path.empty())
        GTEST_SKIP() << "no memory cgroup can be made here";
    Outcome outcome = in_child([&] {
        if (!write_file(group.path + "/cgroup.procs", std::to_string(getpid())))
            _exit(77);
        strand_scheduler *s;
        int status = strand_scheduler_init(nullptr, &s);
        for (int i = 0; i < 1000 && status == 0; i++)
            status = strand_spawn(s, use_its_stack, nullptr, nullptr);
        strand_scheduler_stop(s);
        _exit(status == 0 || status == -ENOMEM ? strand_scheduler_run(s) : ILL);
    });
    if (outcome.exited_with(77))
        GTEST_SKIP() << "no process can be put into a memory cgroup here";
    EXPECT_TRUE(outcome.died_of(SIGKILL)) << outcome;
}

} // namespace
