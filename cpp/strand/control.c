/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

/* Field by field: a spawn should not clear what it sets anyway. */
void strand_control_init(struct strand *strand, enum strand_kind kind, strand_scheduler *scheduler)
{
    strand->next = NULL;
    strand->state = STRAND_NEW;
    strand->kind = (uint8_t)kind;
    strand->permit = strand->cancelled = strand->deferring = strand->unpark = 0;
    strand->saved_errno = 0;
    strand->scheduler = scheduler;
    strand->id = 0;

    strand->wait.reason = NULL;
    strand_link_init(&strand->wait.link);
    strand->wait.queue = NULL;
    strand->wait.timer.place = SIZE_MAX;
    strand->wait.armed = strand->wait.inside = strand->wait.bare = 0;

    strand->operation = NULL;
    strand_list_init(&strand->joiners);
    strand->joined = 0;
    strand->joined_result = NULL;
    strand->watch = NULL;
    strand_link_init(&strand->all);
    strand->deferred = NULL;
    strand->locals = NULL;
    strand->local_count = 0;
    strand->result = NULL;
    strand->segment = NULL;
    strand->max_stack_bytes = 0;
    strand->split = NULL;
    strand->name[0] = '\0';
}

const char *strand_state_name(enum strand_state state)
{
    static const char *const names[] = {
        [STRAND_NEW] = "new",         [STRAND_READY] = "ready",       [STRAND_RUNNING] = "running",
        [STRAND_PARKED] = "parked",   [STRAND_FINISHED] = "finished",
    };
    return names[state];
}
