/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <unistd.h>

#include "soak.h"

enum { MOST_SAMPLES = 2 * SAMPLES, FIELDS = 4 };

static const char *const side_names[SIDES] = {"server", "clients"};
static const char *const field_names[FIELDS] = {"descriptors", "memory KiB", "mappings", "ids"};

struct sample {
    double seconds, values[FIELDS];
};

static struct {
    struct sample samples[MOST_SAMPLES];
    int count;
} sides[SIDES];

static long count_descriptors(void)
{
    long count = -3;             /* ".", "..", and the folder's own */
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static long count_mappings(void)
{
    long count = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    for (int c; file && (c = getc(file)) != EOF;)
        count += c == '\n';
    if (file)
        fclose(file);
    return count;
}

static long count_kib(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        measure_fail("/proc/self/statm", errno);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

void hold_now(struct holding *now)
{
    *now = (struct holding){
        .descriptors = count_descriptors(), .kib = count_kib(), .mappings = count_mappings(),
    };
    work_count(now);
}

void take_sample(enum side side, double seconds, const struct holding *now)
{
    if (sides[side].count == MOST_SAMPLES)
        return;
    sides[side].samples[sides[side].count++] = (struct sample){
        seconds, {(double)now->descriptors, (double)now->kib, (double)now->mappings,
                  (double)now->ids},
    };
}

/* Memory is a saw, of buffers and stacks that are given back some time after their last use: a leak
 * raises its low points. So by least squares over the least of each portion of the second half, a
 * minute. */
static double slope(enum side side, int field)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    int half = sides[side].count / 2, samples = half / PORTIONS;
    for (int first = half; samples > 0 && first + samples <= sides[side].count; first += samples) {
        const struct sample *in = &sides[side].samples[first];
        double least = in->values[field], minutes = in[samples / 2].seconds / 60;
        for (int i = 1; i < samples; i++)
            least = in[i].values[field] < least ? in[i].values[field] : least;
        n++, x += minutes, y += least, xx += minutes * minutes, xy += minutes * least;
    }
    double spread = n * xx - x * x;
    return spread > 0 ? (n * xy - x * y) / spread : 0;
}

/* Flat: what the second half has added is less than a hundredth of what is there and what moves by
 * itself: connections made anew just then; 64 buffers more in use; arenas' mappings; and as many
 * ids as all workers' children have when they come at once. */
unsigned judge(enum side side)
{
    static const double stragglers[FIELDS] = {64, 64 * 64, 16, 2000};
    const struct sample *last = &sides[side].samples[sides[side].count - 1];
    double half = (last->seconds - sides[side].samples[sides[side].count / 2].seconds) / 60;
    unsigned rising = 0;
    printf("%s:", side_names[side]);
    for (int field = 0; field < FIELDS; field++) {
        double a_minute = slope(side, field), there = last->values[field];
        bool flat = a_minute * half < there / 100 + stragglers[field];
        printf("%s %s %+.2f a minute of %.0f%s", field ? "," : "", field_names[field], a_minute,
               there, flat ? "" : " (NOT FLAT)");
        rising += !flat;
    }
    printf("\n");
    return rising;
}
