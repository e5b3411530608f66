// SPDX-License-Identifier: Apache-2.0
// What docs/stack-depth.md promises of the smallest slots, held against what is measured here.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <alloca.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "environment.h"
#include "stack_depth.h"

namespace {

constexpr size_t CALLERS_OWN_BYTES = 1024;

struct Row {
    std::string name, room;
    bool measured;
    size_t first_bytes, later_bytes;
    bool small_slot, carrier;
};

class StackDepth : public testing::Test {
protected:
    // By the program that prints the table too: a process whose first printf is one.
    void SetUp() override
    {
        if (under_valgrind())
            GTEST_SKIP() << "valgrind takes writes below the stack pointer for errors";
        if (emulated())
            GTEST_SKIP() << "the program that measures cannot be started by another";
        FILE *table = popen(STRAND_TEST_STACK_DEPTH " --rows", "r");
        ASSERT_TRUE(table);
        char text[200];
        while (fgets(text, sizeof text, table))
            take(text);
        int status = pclose(table);
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        ASSERT_GT(rows.size(), 10U);
    }

    std::vector<Row> named(const std::string &prefix) const
    {
        std::vector<Row> found;
        std::copy_if(rows.begin(), rows.end(), std::back_inserter(found),
                     [&](const Row &row) { return row.name.rfind(prefix, 0) == 0; });
        EXPECT_FALSE(found.empty()) << prefix;
        return found;
    }

    // Measured, with room for the caller's own frames, and seen to run there.
    void expect_to_fit(const Row &row) const
    {
        EXPECT_TRUE(row.measured) << row.name;
        EXPECT_LE(std::max(row.first_bytes, row.later_bytes) + CALLERS_OWN_BYTES, room_bytes)
            << row.name;
        EXPECT_TRUE(row.small_slot) << row.name;
    }

    std::vector<Row> rows;
    size_t room_bytes = 0;

private:
    void take(const char *line)
    {
        std::stringstream fields(line);
        Row row{};
        std::getline(fields, row.name, '\t');
        if (row.name == "room") {
            fields >> room_bytes;
            return;
        }
        std::getline(fields, row.room, '\t');
        fields >> row.measured >> row.first_bytes >> row.later_bytes >> row.small_slot >>
            row.carrier;
        EXPECT_FALSE(fields.fail()) << line;
        rows.push_back(row);
    }
};

TEST_F(StackDepth, shouldFitTheSmallestSlotWithReadLineWriteLineAndPrint)
{
    for (const char *prefix : {"strand_read_line", "strand_write_line", "strand_print"})
        for (const Row &row : named(prefix))
            expect_to_fit(row);
}

TEST_F(StackDepth, shouldFitTheSmallestSlotWithEachCallOfOurs)
{
    for (const Row &row : named("strand_"))
        expect_to_fit(row);
}

TEST_F(StackDepth, shouldFitTheSmallestSlotWhereTheTableSaysSo)
{
    for (const Row &row : rows) {
        if (row.room == "small")
            expect_to_fit(row);
    }
}

TEST_F(StackDepth, shouldRunWhatIsDeeperOnTheCarrier)
{
    for (const Row &row : rows) {
        if (row.room == "ask" && row.name != "getaddrinfo, a name server answers") {
            EXPECT_TRUE(row.carrier) << row.name;
        }
    }
}

TEST_F(StackDepth, shouldAskANameServerOnTheCarrier)
{
    Row row = named("getaddrinfo, a name server answers").at(0);
    if (!row.measured)
        GTEST_SKIP() << "names are not looked up by DNS on this machine";
    EXPECT_TRUE(row.carrier);
}

void use_five_thousand_bytes(void *)
{
    volatile char *bytes = static_cast<volatile char *>(alloca(5000));
    for (int i = 0; i < 5000; i++)
        bytes[i] = 1;
}

TEST(StackDepthItself, shouldSeeHowDeepACallGoes)
{
    if (under_valgrind())
        GTEST_SKIP() << "valgrind takes writes below the stack pointer for errors";
    size_t bytes = depth_of_call(use_five_thousand_bytes, nullptr);
    EXPECT_GE(bytes, 5000U);
    EXPECT_LE(bytes, 5200U);
}

}  // namespace
