/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jar_probe LIBRARY VERSION: opens libstrand as a JVM does, by dlopen, and lets three strands take
 * turns and sleep. For the library of the jar on a machine without a JVM of its own; built by
 * script/lib/check-jar. Ends with 0, or says what is wrong.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strand/strand.h>

static void *library;
static int (*sleep_ns)(int64_t);
static char written[8];

static void need(int holds, const char *what)
{
    if (holds)
        return;
    const char *why = dlerror();
    fprintf(stderr, "jar_probe: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    exit(1);
}

/* POSIX has dlsym give functions as it gives data. */
#define FIND(function, name)                                   \
    do {                                                       \
        *(void **)(&(function)) = dlsym(library, name);        \
        need((function) != NULL, name);                        \
    } while (0)

static void write_twice(void *letter)
{
    strncat(written, letter, 1);
    need(sleep_ns(1000000) == 0, "strand_sleep");
    strncat(written, letter, 1);
}

int main(int count, char **words)
{
    const char *(*version)(void);
    int (*init)(const struct strand_scheduler_options *, strand_scheduler **);
    int (*spawn)(strand_scheduler *, strand_entry, void *, strand_id *);
    int (*run)(strand_scheduler *);
    int (*shut_down)(strand_scheduler *);
    int (*on_load)(void *, void *);
    strand_scheduler *scheduler;
    char letters[] = "ABC";

    need(count == 3, "usage: jar_probe LIBRARY VERSION");
    library = dlopen(words[1], RTLD_LAZY | RTLD_LOCAL);
    need(library != NULL, "dlopen");
    FIND(version, "strand_version");
    FIND(init, "strand_scheduler_init");
    FIND(spawn, "strand_spawn");
    FIND(run, "strand_scheduler_run");
    FIND(shut_down, "strand_scheduler_shutdown");
    FIND(sleep_ns, "strand_sleep");
    FIND(on_load, "JNI_OnLoad");
    need(strcmp(version(), words[2]) == 0, version());
    need(init(NULL, &scheduler) == 0, "strand_scheduler_init");
    for (int i = 0; i < 3; i++)
        need(spawn(scheduler, write_twice, letters + i, NULL) == 0, "strand_spawn");
    need(run(scheduler) == 0, "strand_scheduler_run");
    need(strcmp(written, "ABCABC") == 0, written);
    need(shut_down(scheduler) == 0, "strand_scheduler_shutdown");
    return 0;
}
