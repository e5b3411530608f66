/* SPDX-License-Identifier: Apache-2.0 */
/* Options as their givers know them: an older program's are shorter, a newer one's longer. */
#ifndef STRAND_SCHEDULER_OPTIONS_H
#define STRAND_SCHEDULER_OPTIONS_H

#include <strand/strand.h>

typedef struct strand_scheduler strand_scheduler;
struct strand;

/* Copies what both sides know; the rest is 0. given may be NULL. 0, or -EINVAL for less than the
 * first version had. */
int strand_options_read(const struct strand_options *given, struct strand_options *known);
int strand_scheduler_options_read(const struct strand_scheduler_options *given,
                                  struct strand_scheduler_options *known);

/* The class of stack that a strand asks for; -EINVAL. */
int strand_stack_class_wanted(const strand_scheduler *s, const struct strand_options *options);
/* The one that serves a dense strand. */
int strand_stack_dense_class(void);

/* Ends the process: a dense strand has run over its canary. On any stack, however small. */
__attribute__((noreturn, cold)) void strand_scheduler_dense_overrun(const struct strand *strand);

#endif
