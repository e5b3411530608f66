/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Skynet: a tree of strands, ten children each, whose leaves are the numbers 0 to n - 1; each
 * strand joins its children and hands up their sum.
 *
 *     skynet [N]      N a power of ten, 1,000,000 by default
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strand/strand.h>

enum { CHILDREN = 10 };

struct node {
    int64_t first, size;    /* the leaves below it: first to first + size - 1 */
    int64_t sum;
    int status;             /* 0, or what kept a strand below from running */
};

static void visit(void *argument)
{
    struct node *node = argument;
    struct node children[CHILDREN];
    strand_id ids[CHILDREN];
    int spawned = 0;

    if (node->size == 1) {
        node->sum = node->first;
        return;
    }
    int64_t size = node->size / CHILDREN;
    for (; spawned < CHILDREN && node->status == 0; spawned++) {
        children[spawned] = (struct node){.first = node->first + spawned * size, .size = size};
        node->status = strand_spawn(NULL, visit, &children[spawned], &ids[spawned]);
        if (node->status < 0)
            break;
    }
    for (int i = 0; i < spawned; i++) {
        int status = strand_join(ids[i], STRAND_FOREVER, NULL);
        node->sum += children[i].sum;
        if (node->status == 0)
            node->status = status < 0 ? status : children[i].status;
    }
}

static int64_t leaves_from(const char *text)
{
    char *end;
    errno = 0;
    int64_t leaves = strtoll(text, &end, 10);
    if (errno || *end || end == text || leaves < 1)
        return -1;
    for (int64_t rest = leaves; rest > 1; rest /= 10)
        if (rest % 10)
            return -1;
    return leaves;
}

int main(int count, char **arguments)
{
    struct node root = {.size = 1000000};
    strand_scheduler *scheduler;

    if (count == 2)
        root.size = leaves_from(arguments[1]);
    if (count > 2 || root.size < 0) {
        fprintf(stderr, "usage: skynet [N], a power of ten\n");
        return 2;
    }
    int status = strand_scheduler_init(NULL, &scheduler);
    if (status == 0) {
        int64_t start_ns = strand_now_ns();
        status = strand_spawn(scheduler, visit, &root, NULL);
        if (status == 0)
            status = strand_scheduler_run(scheduler);
        if (status == 0)
            status = root.status;
        printf("%" PRId64 " in %" PRId64 " ms\n", root.sum, (strand_now_ns() - start_ns) / 1000000);
        strand_scheduler_shutdown(scheduler);
    }
    if (status < 0) {
        fprintf(stderr, "skynet: %s\n", strerror(-status));
        return 1;
    }
    return 0;
}
