/* SPDX-License-Identifier: Apache-2.0 */
/* What a program does with strands beside its traffic; each round knows what must come of it. */
#include <sys/socket.h>

#include "soak.h"

enum { WORKERS = 16, CHILDREN = 100, DEPTH = 20000, WAKES = 50 };

static bool working;
static unsigned workers;
static long rounds, wrong, highest;

struct child {
    uint64_t number, *sum;
};

void saw_id(strand_id id)
{
    long slot = (long)(uint32_t)id;
    if (slot > highest)
        highest = slot;
}

void work_count(struct holding *now)
{
    now->ids = highest;
    now->rounds = rounds;
    now->wrong = wrong;
}

static void expect(bool well, const char *what)
{
    if (!well && ++wrong <= 20)
        fprintf(stderr, "soak: wrong: %s\n", what);
}

static strand_id begin(strand_entry entry, void *argument)
{
    strand_id id;
    spawn(entry, argument, &id);
    saw_id(id);
    return id;
}

/* ---- Children, and the sum of their numbers --------------------------------------------------- */

static void add(void *argument)
{
    struct child *child = argument;
    strand_yield();
    *child->sum += child->number;
    strand_exit((void *)(uintptr_t)child->number);
}

static void sum_of_children(uint64_t *random)
{
    struct child children[CHILDREN];
    strand_id ids[CHILDREN];
    uint64_t sum = 0, results = 0, expected = 0;
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = (struct child){next_random(random) % 1000 + 1, &sum};
        expected += children[i].number;
        ids[i] = begin(add, &children[i]);
    }
    for (int i = 0; i < CHILDREN; i++) {
        void *result = NULL;
        expect(strand_join(ids[i], STRAND_FOREVER, &result) == 0, "join");
        results += (uintptr_t)result;
    }
    expect(sum == expected && results == expected, "the sum of the children");
}

/* ---- Timers, and cancels of what sleeps -------------------------------------------------------- */

static void sleep_long(void *unused)
{
    (void)unused;
    strand_exit((void *)(intptr_t)strand_sleep(3600 * SECOND));
}

static void cancel_sleepers(uint64_t *random)
{
    strand_id ids[CHILDREN / 4];
    for (int i = 0; i < CHILDREN / 4; i++)
        ids[i] = begin(sleep_long, NULL);
    strand_sleep((int64_t)(next_random(random) % (SECOND / 200)));
    for (int i = 0; i < CHILDREN / 4; i++) {
        void *result = NULL;
        expect(strand_join(ids[i], strand_now_ns(), &result) == -ETIMEDOUT, "asleep");
        expect(strand_cancel(ids[i]) == 0, "cancel");
        expect(strand_join(ids[i], STRAND_FOREVER, &result) == 0, "join of the canceled");
        expect((intptr_t)result == -ECANCELED, "what the canceled has met");
        expect(strand_cancel(ids[i]) == -ESRCH, "cancel after the end");
    }
}

/* ---- Recursion over further segments ----------------------------------------------------------- */

struct level {
    uint64_t left, sum;
    int error;
};

static void descend(void *argument)
{
    struct level *level = argument;
    int grown = STRAND_GROW(512, descend, level);
    if (grown < 0)
        level->error = grown;
    if (grown || level->left == 0)
        return;
    struct level next = {.left = level->left - 1};
    if (level->left % 5000 == 0)
        strand_yield();
    descend(&next);
    level->sum = level->left + next.sum;
    level->error = next.error;
}

static void go_deep(uint64_t *random)
{
    uint64_t depth = next_random(random) % DEPTH;
    struct level top = {.left = depth};
    descend(&top);
    expect(top.error == 0 && top.sum == depth * (depth + 1) / 2, "the sum of the levels");
}

/* ---- Parks and wakes, a token to and fro -------------------------------------------------------- */

struct token {
    strand_id other;
    int passed;
};

static void pass_back(void *argument)
{
    struct token *token = argument;
    for (int i = 0; i < WAKES; i++) {
        expect(strand_park("soak: token", STRAND_FOREVER) == 0, "park");
        token->passed++;
        expect(strand_wake(token->other) == 0, "wake");
    }
}

static void pass_a_token(uint64_t *random)
{
    struct token token = {.other = strand_self()};
    strand_id id = begin(pass_back, &token);
    (void)random;
    for (int i = 0; i < WAKES; i++) {
        expect(strand_wake(id) == 0, "wake");
        expect(strand_park("soak: token", STRAND_FOREVER) == 0, "park");
    }
    expect(strand_join(id, STRAND_FOREVER, NULL) == 0 && token.passed == WAKES, "the token");
}

/* ---- A socket from strand to strand ------------------------------------------------------------- */

static void write_numbers(void *stream)
{
    char text[32];
    for (int i = 1; i <= CHILDREN; i++)
        strand_write_line(stream, text, (size_t)sprintf(text, "%d", i));
    expect(strand_close(stream) == 0, "close");
}

static void sum_of_lines(uint64_t *random)
{
    int ends[2], sum = 0;
    strand_stream *in, *out;
    struct strand_line line = {.size = sizeof line};
    (void)random;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        measure_fail("socketpair", errno);
    if (strand_stream_open(ends[0], NULL, &in) < 0 || strand_stream_open(ends[1], NULL, &out) < 0)
        measure_fail("streams", ENOMEM);
    strand_id id = begin(write_numbers, out);
    while (strand_read_line(in, &line) == 1) {
        int number = 0;
        for (size_t i = 0; i < line.length; i++)
            number = number * 10 + line.text[i] - '0';
        sum += number;
    }
    strand_join(id, STRAND_FOREVER, NULL);
    strand_close(in);
    expect(sum == CHILDREN * (CHILDREN + 1) / 2, "the sum of the lines");
}

/* ------------------------------------------------------------------------------------------------ */

static void be_worker(void *seed)
{
    static void (*const kinds[])(uint64_t *) = {
        sum_of_children, cancel_sleepers, go_deep, pass_a_token, sum_of_lines,
    };
    uint64_t random = (uintptr_t)seed;
    while (working) {
        kinds[next_random(&random) % 5](&random);
        rounds++;
        strand_sleep((int64_t)(SECOND / 20 + next_random(&random) % (SECOND / 10)));
    }
    workers--;
}

void work_begin(uint64_t seed)
{
    working = true;
    for (uint64_t i = 0; i < WORKERS; i++, workers++)
        begin(be_worker, (void *)(uintptr_t)((seed + i) * UINT64_C(0x9E3779B97F4A7C15) | 1));
}

void work_end(void)
{
    working = false;
    while (workers > 0)
        strand_sleep(SECOND / 100);
}
