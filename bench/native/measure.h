/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every benchmark program in C and C++ needs: a clock, the process's memory, and the one form
 * of output the driver reads: a line `CASE VALUE` for each figure.
 */
#ifndef STRAND_BENCH_MEASURE_H
#define STRAND_BENCH_MEASURE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int64_t measure_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void measure_fail(const char *what, int status)
{
    fprintf(stderr, "%s: %s\n", what, strerror(status < 0 ? -status : status));
    exit(1);
}

/* What this machine will not give is no failure of the program: the driver names it and goes on. */
#define MEASURE_REFUSED 77

static inline void measure_refuse(const char *what, int status)
{
    fprintf(stderr, "%s: %s\n", what, strerror(status < 0 ? -status : status));
    exit(MEASURE_REFUSED);
}

/* Takes `taken` arguments out, the first at `at`. */
static inline void measure_take(int *count, char **arguments, int at, int taken)
{
    for (int i = at; i + taken <= *count; i++)   /* the NULL at the end, too */
        arguments[i] = arguments[i + taken];
    *count -= taken;
}

/* Whether the option is there; it is taken out. */
static inline int measure_flag(int *count, char **arguments, const char *name)
{
    for (int i = 1; i < *count; i++) {
        if (strcmp(arguments[i], name) != 0)
            continue;
        measure_take(count, arguments, i, 1);
        return 1;
    }
    return 0;
}

/* The option's number, or what it is without; both words are taken out. */
static inline size_t measure_option(int *count, char **arguments, const char *name, size_t otherwise)
{
    for (int i = 1; i + 1 < *count; i++) {
        if (strcmp(arguments[i], name) != 0)
            continue;
        size_t value = strtoull(arguments[i + 1], NULL, 10);
        measure_take(count, arguments, i, 2);
        return value;
    }
    return otherwise;
}

/* The option's text, or what it is without; both words are taken out. */
static inline const char *measure_text(int *count, char **arguments, const char *name,
                                       const char *otherwise)
{
    for (int i = 1; i + 1 < *count; i++) {
        if (strcmp(arguments[i], name) != 0)
            continue;
        const char *text = arguments[i + 1];
        measure_take(count, arguments, i, 2);
        return text;
    }
    return otherwise;
}

/* Resident pages and the page tables that map them, as this file of /proc has them. */
static inline int64_t measure_memory_of(const char *status_path)
{
    FILE *status = fopen(status_path, "r");
    char line[256];
    int64_t kib = 0;
    if (!status)
        measure_fail(status_path, errno);
    while (fgets(line, sizeof line, status)) {
        if (!strncmp(line, "VmRSS:", 6) || !strncmp(line, "VmPTE:", 6))
            kib += strtoll(line + 6, NULL, 10);
    }
    fclose(status);
    return kib * 1024;
}

/* What the strands cost the machine. */
static inline int64_t measure_memory_bytes(void)
{
    return measure_memory_of("/proc/self/status");
}

static inline void measure_report(const char *name, double value)
{
    printf("%s %.3f\n", name, value);
}

#endif
