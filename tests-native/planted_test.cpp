// SPDX-License-Identifier: Apache-2.0
// AddressSanitizer in strands: silent about what is right, and it sees what is wrong. Built only
// with it; script/lib/check-valgrind asks the same of valgrind.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

struct Outcome {
    int status;
    std::string text;   // standard output and error

    bool says(const std::string &what) const { return text.find(what) != std::string::npos; }
};

constexpr const char *FRAMES_ON_THE_STACK = "detect_stack_use_after_return=0";
constexpr const char *FRAMES_ASIDE = "detect_stack_use_after_return=1";   // a fake stack a strand

Outcome planted(const std::string &arguments, const char *options)
{
    setenv("ASAN_OPTIONS", options, 1);
    FILE *program = popen((STRAND_TEST_PLANTED " " + arguments + " 2>&1").c_str(), "r");
    Outcome outcome{-1, ""};
    char text[4096];
    while (fgets(text, sizeof text, program))
        if (!strstr(text, "makecontext/swapcontext"))   // said once of every ucontext build
            outcome.text += text;
    int status = pclose(program);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
}

// The report names the fault, and the strand's frames from the mistake up to its first.
void expect_report(const char *mistake, const char *fault, const char *function)
{
    Outcome outcome = planted(mistake, FRAMES_ASIDE);
    EXPECT_NE(outcome.status, 0);
    EXPECT_TRUE(outcome.says(std::string("ERROR: AddressSanitizer: ") + fault)) << outcome.text;
    for (const char *frame : {function, "descend", "make_mistake", "strand_context_begin"})
        EXPECT_TRUE(outcome.says(std::string(" in ") + frame)) << frame << "\n" << outcome.text;
}

void expect_silence(const char *strands, const char *options)
{
    Outcome outcome = planted(std::string("deep ") + strands + " 64", options);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.text,
              std::string(strands) + " of " + strands + " deep strands had their sums right\n");
}

TEST(Planted, shouldStaySilentAboutAHundredThousandDeepStrands)
{
    expect_silence("100000", FRAMES_ON_THE_STACK);
}

TEST(Planted, shouldStaySilentAboutFakeStacks)
{
    expect_silence("5000", FRAMES_ASIDE);
}

TEST(Planted, shouldReportAUseAfterFreeInAStrand)
{
    expect_report("use-after-free", "heap-use-after-free", "use_after_free");
}

TEST(Planted, shouldReportAnOverflowInAStrandsFrame)
{
    expect_report("stack-overflow", "stack-buffer-overflow", "stack_overflow");
}

TEST(Planted, shouldReportAUseAfterScopeInAStrandsFrame)
{
    expect_report("use-after-scope", "stack-use-after-scope", "use_after_scope");
}

TEST(Planted, shouldReportAUseAfterReturnInAStrand)
{
    expect_report("use-after-return", "stack-use-after-return", "use_after_return");
}

}  // namespace
