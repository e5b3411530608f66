/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main [VERSION]: three strands take turns, one waits for them and tells their order, which is the
 * same every time. Ends with 1 when it is not, or when the library is not of that version.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strand/strand.h>

#define TURNS 3

static char order[16];
static int failed = 1;

static void take_turns(void *name)
{
    for (int turn = 0; turn < TURNS; turn++) {
        strncat(order, name, 1);
        strand_yield();
    }
    strand_exit(name);
}

static void tell(void *text)
{
    failed = strand_println(text, strlen(text)) < 0 || strcmp(order, "ABCABCABC") != 0;
}

static void start(void *argument)
{
    static char *const names[] = {"A", "B", "C"};
    strand_id ids[3];
    void *result = NULL;
    char text[64];
    (void)argument;
    for (int i = 0; i < 3; i++)
        if (strand_spawn(NULL, take_turns, names[i], &ids[i]) < 0)
            return;
    for (int i = 0; i < 3; i++)
        if (strand_join(ids[i], STRAND_FOREVER, &result) < 0 || result != names[i])
            return;
    snprintf(text, sizeof text, "three strands took turns: %s", order);
    strand_call(512 * 1024, tell, text);   /* more than the stack has left: on a further segment */
}

int main(int count, char **arguments)
{
    strand_scheduler *scheduler;
    if (count > 1 && strcmp(arguments[1], strand_version()) != 0) {
        fprintf(stderr, "the library is %s, not %s\n", strand_version(), arguments[1]);
        return EXIT_FAILURE;
    }
    if (strand_scheduler_init(NULL, &scheduler) < 0)
        return EXIT_FAILURE;
    strand_spawn(scheduler, start, NULL, NULL);
    strand_scheduler_run(scheduler);
    if (strand_scheduler_shutdown(scheduler) < 0)
        failed = 1;
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
