// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "check.h"
#include "list.h"
}

namespace {

struct Letter {
    char text;
    strand_link link;
};

struct List : testing::Test {
    strand_list list;
    Letter a{'A', {}}, b{'B', {}}, c{'C', {}};

    List()
    {
        strand_list_init(&list);
        for (Letter *letter : {&a, &b, &c})
            strand_link_init(&letter->link);
    }

    std::string drain()
    {
        std::string text;
        while (strand_link *link = strand_list_take_first(&list))
            text += CONTAINER_OF(link, Letter, link)->text;
        return text;
    }
};

TEST_F(List, shouldGiveBackInTheOrderOfAppending)
{
    for (Letter *letter : {&a, &b, &c})
        strand_list_append(&list, &letter->link);
    EXPECT_EQ(drain(), "ABC");
    EXPECT_TRUE(strand_list_empty(&list));
    EXPECT_EQ(strand_list_first(&list), nullptr);
}

TEST_F(List, shouldRemoveFromTheMiddleAndDoNoHarmTwice)
{
    for (Letter *letter : {&a, &b, &c})
        strand_list_append(&list, &letter->link);
    EXPECT_TRUE(strand_link_listed(&b.link));
    strand_link_remove(&b.link);
    strand_link_remove(&b.link);
    EXPECT_FALSE(strand_link_listed(&b.link));
    EXPECT_EQ(drain(), "AC");
}

TEST_F(List, shouldTakeBackWhatWasRemoved)
{
    strand_list_append(&list, &a.link);
    strand_list_append(&list, &b.link);
    strand_link_remove(&a.link);
    strand_list_append(&list, &a.link);
    EXPECT_EQ(strand_list_first(&list), &b.link);
    EXPECT_EQ(drain(), "BA");
}

TEST(Check, shouldNameThePlaceAndTheConditionAndAbort)
{
    EXPECT_DEATH(CHECK(1 + 1 == 3),
                 "strand: .*list_test.cpp:.+: internal error: not so: 1 \\+ 1 == 3");
}

}   // namespace
