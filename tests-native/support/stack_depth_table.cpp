// SPDX-License-Identifier: Apache-2.0
// Prints the table of docs/stack-depth.md, as measured here and now. With --rows, for the test: a
// line a call, its fields between tabs; the line "room" first.
#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "stack_depth.h"

namespace {

struct Row {
    const DepthCase *depth_case;
    Depth depth;
    bool small_slot, carrier;   // whether it ran well there
};

std::string processor()
{
    std::ifstream lines("/proc/cpuinfo");
    for (std::string line; std::getline(lines, line);)
        if (line.rfind("model name", 0) == 0)
            return line.substr(line.find(':') + 2);
    return "unknown processor";
}

const char *where(const Row &row)
{
    return row.depth_case->room == Room::SMALL_SLOT ? "fits"
           : row.small_slot                         ? "fitted here; ask for room"
                                                    : "no: ask for room";
}

void print_table(const std::vector<Row> &rows)
{
    utsname system{};
    uname(&system);
    printf("%s, Linux %s, %s, glibc %s, %s context, %s.\n\n", processor().c_str(), system.release,
           system.machine, gnu_get_libc_version(), STRAND_TEST_CONTEXT, STRAND_TEST_BUILD);
    printf("A strand's body begins with at least %zu bytes on the 8 KiB class, %zu on 16 KiB.\n\n",
           least_room(8 * 1024), least_room(16 * 1024));
    printf("| call | first, bytes | later, bytes | 8 KiB slot |\n|---|---:|---:|---|\n");
    for (const Row &row : rows)
        if (row.depth.measured)
            printf("| %s | %zu | %zu | %s |\n", row.depth_case->name, row.depth.first_bytes,
                   row.depth.later_bytes, where(row));
        else
            printf("| %s | not measured: the call failed | | |\n", row.depth_case->name);
}

void print_rows(const std::vector<Row> &rows)
{
    printf("room\t%zu\n", least_room(8 * 1024));
    for (const Row &row : rows)
        printf("%s\t%s\t%d\t%zu\t%zu\t%d\t%d\n", row.depth_case->name,
               row.depth_case->room == Room::SMALL_SLOT ? "small" : "ask", row.depth.measured,
               row.depth.first_bytes, row.depth.later_bytes, row.small_slot, row.carrier);
}

}  // namespace

// Nothing is printed before all is measured: a first printf must be one.
int main(int count, char **arguments)
{
    std::vector<Row> rows;
    for (const DepthCase &depth_case : depth_cases())
        rows.push_back({&depth_case, measure(depth_case), runs_on_small_slot(depth_case, false),
                        depth_case.room == Room::ON_REQUEST &&
                            runs_on_small_slot(depth_case, true)});
    if (count > 1 && strcmp(arguments[1], "--rows") == 0)
        print_rows(rows);
    else
        print_table(rows);
    return 0;
}
