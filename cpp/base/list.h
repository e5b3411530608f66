/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked list. A list owns nothing and allocates nothing: its links live in the
 * structures that stand in it. A link stands in at most one list; one that stands in none points to
 * itself, so that removing it again does no harm.
 */
#ifndef STRAND_BASE_LIST_H
#define STRAND_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct strand_link {
    struct strand_link *next, *previous;
};

struct strand_list {
    struct strand_link head;   /* head.next: first, head.previous: last */
};

static inline void strand_link_init(struct strand_link *link)
{
    link->next = link->previous = link;
}

static inline void strand_list_init(struct strand_list *list)
{
    strand_link_init(&list->head);
}

static inline bool strand_link_listed(const struct strand_link *link)
{
    return link->next != link;
}

static inline bool strand_list_empty(const struct strand_list *list)
{
    return !strand_link_listed(&list->head);
}

static inline void strand_list_append(struct strand_list *list, struct strand_link *link)
{
    link->previous = list->head.previous;
    link->next = &list->head;
    link->previous->next = link;
    list->head.previous = link;
}

static inline void strand_link_remove(struct strand_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    strand_link_init(link);
}

/* NULL when empty; the link stays. */
static inline struct strand_link *strand_list_first(const struct strand_list *list)
{
    return strand_list_empty(list) ? NULL : list->head.next;
}

/* NULL when empty. */
static inline struct strand_link *strand_list_take_first(struct strand_list *list)
{
    struct strand_link *first = strand_list_first(list);
    if (first)
        strand_link_remove(first);
    return first;
}

#endif
