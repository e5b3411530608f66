// SPDX-License-Identifier: Apache-2.0
// whole_life ERRNO [again]: a life, in which calls may fail with that error, and another in which
// none may; for script/lib/check-refusals, which has the kernel refuse calls. 0 starts none. Ends with
// 1, and says why, when something was not as it should be.
#include "whole_life.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "alone.h"

static bool lives(LifeWish wish, bool undisturbed)
{
    LifeReport report;
    int before = descriptors_when_alone();
    live_whole_life(wish, &report);
    int after = descriptors_when_alone();
    if (report.odd_call)
        printf("%s gave %d\n", report.odd_call, report.odd_status);
    if (report.wrong)
        printf("not so: %s\n", report.wrong);
    if (before != after)
        printf("%d descriptors before, %d after\n", before, after);
    if (undisturbed && report.failed)
        printf("%d calls failed, and none was refused\n", report.failed.load());
    return !report.odd_call && !report.wrong && before == after && !(undisturbed && report.failed);
}

int main(int count, char **words)
{
    LifeWish wish;
    wish.injected = count > 1 ? atoi(words[1]) : 0;
    if (wish.injected == 0)
        return 0;
    wish.patience_ns = 100000000;
    bool well = lives(wish, false);
    LifeWish undisturbed;
    undisturbed.alone = true;      // strace counts the calls of each thread anew
    if (well && count > 2 && strcmp(words[2], "again") == 0)
        well = lives(undisturbed, true);
    return well ? 0 : 1;
}
