/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "clock.h"
#include "condition.h"
#include "guard.h"
#include "options.h"
#include "overflow.h"
#include "scheduler.h"
#include "split.h"

enum { DEFAULT_STACK_BYTES = 256 * 1024, DEFAULT_POLL_BOUND = 1024 };
static const int64_t DEFAULT_GRACE_NS = 1000000000;

static enum strand_stack_guards choose_guards(enum strand_guards wish)
{
    if (wish == STRAND_GUARDS_NONE)
        return STRAND_STACK_GUARDS_NONE;
    if (wish == STRAND_GUARDS_AUTO && strand_guard_lightweight_works())
        return STRAND_STACK_GUARDS_LIGHTWEIGHT;
    return STRAND_STACK_GUARDS_MPROTECT;
}

static int check_options(const struct strand_scheduler_options *options)
{
    if ((unsigned)options->guards > STRAND_GUARDS_NONE || options->grace_ns < 0)
        return -EINVAL;
    return options->stack_bytes ? strand_stack_class_for(options->stack_bytes) : 0;
}

static void take_options(strand_scheduler *s, const struct strand_scheduler_options *options)
{
    size_t stack_bytes = options->stack_bytes ? options->stack_bytes : DEFAULT_STACK_BYTES;
    s->default_class = (unsigned)(options->dense_stacks ? strand_stack_dense_class()
                                                        : strand_stack_class_for(stack_bytes));
    s->max_strands = options->max_strands ? options->max_strands : SIZE_MAX;
    s->max_stack_bytes = options->max_stack_bytes;
    s->native_kind = strand_split_present() ? STRAND_SPLIT : STRAND_NATIVE;
    s->default_kind = strand_kind_on(s, s->default_class);
    s->guards = choose_guards(options->guards);
    s->stack_limit.max_bytes = options->max_stack_bytes_all;
    s->poll_bound = options->poll_bound ? options->poll_bound : DEFAULT_POLL_BOUND;
    s->grace_ns = options->grace_ns ? options->grace_ns : DEFAULT_GRACE_NS;
    s->overflow.wanted = !options->no_overflow_report;
}

static void inbox_ready(struct strand_loop_watch *watch, unsigned events)
{
    (void)events;
    strand_wakefd_drain(&CONTAINER_OF(watch, struct strand_inbox, watch)->wakefd);
}

static const struct strand_loop_calls inbox_calls = {.ready = inbox_ready};

static int open_inbox(strand_scheduler *s)
{
    int status = strand_wakefd_create(&s->inbox.wakefd);
    if (status < 0)
        return status;
    strand_loop_watch_init(&s->inbox.watch, s->inbox.wakefd.fd, &inbox_calls);
    status = strand_loop_add(s->loop, &s->inbox.watch);
    if (status < 0)
        strand_wakefd_close(&s->inbox.wakefd);
    return status;
}

static void close_inbox(strand_scheduler *s)
{
    strand_loop_remove(s->loop, &s->inbox.watch);
    strand_wakefd_close(&s->inbox.wakefd);
}

static void init_fields(strand_scheduler *s)
{
    s->default_stacks = &s->stacks->classes[s->default_class];
    strand_list_init(&s->bound);
    strand_sanitizer_init_carrier(&s->carrier_sanitizer);
    pthread_mutex_init(&s->guest_lock, NULL);
    strand_condition_init(&s->dump_served);
    s->dump_fd = -1;
    s->now_ns = strand_clock_now_ns();
    s->fork_epoch = strand_fork_epoch();
}

static int create_pool(strand_scheduler *s, struct strand_stack_pool **pool)
{
    const struct strand_stack_pool_options options = {
        .guards = s->guards,
        .control_bytes = STRAND_CONTROL_PLACE_BYTES,
        .limit = s->stack_limit.max_bytes ? &s->stack_limit : NULL,
    };
    return strand_stack_pool_create(&options, pool);
}

int strand_scheduler_create(const struct strand_scheduler_options *options, strand_scheduler **out)
{
    struct strand_scheduler_options known;
    if (!out)
        return -EINVAL;
    int status = strand_scheduler_options_read(options, &known);
    if (status == 0)
        status = check_options(&known);
    if (status < 0)
        return status;

    strand_scheduler *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    take_options(s, &known);
    status = strand_ready_init(&s->ready);
    if (status < 0)
        goto free_scheduler;
    status = strand_loop_create(&s->loop);
    if (status < 0)
        goto close_ready;
    status = open_inbox(s);
    if (status < 0)
        goto destroy_loop;
    status = create_pool(s, &s->stacks);
    if (status < 0)
        goto close_inbox;
    status = create_pool(s, &s->guest_stacks);
    if (status < 0)
        goto destroy_stacks;
    init_fields(s);
    *out = s;
    return 0;

destroy_stacks:
    strand_stack_pool_destroy(s->stacks);
close_inbox:
    close_inbox(s);
destroy_loop:
    strand_loop_destroy(s->loop);
close_ready:
    strand_ready_close(&s->ready);
free_scheduler:
    free(s);
    return status;
}

/* Posters that found a strand alive are still on their way with its entry; each arrives. */
static void wait_for_posters(strand_scheduler *s)
{
    strand_inbox_drain(s);
    while (s->undelivered) {
        sched_yield();
        strand_inbox_drain(s);
    }
    while (atomic_load(&s->inbox.pushing))
        sched_yield();
}

/* The blocks go with their stacks. */
static void unbind_all(strand_scheduler *s)
{
    struct strand_link *link;
    while ((link = strand_list_take_first(&s->bound)))
        strand_table_give(&s->slots, CONTAINER_OF(link, struct strand_slot, bound));
}

void strand_scheduler_destroy(strand_scheduler *s)
{
    CHECK(strand_scheduler_live(s) == 0 && atomic_load(&s->arriving) == 0);
    wait_for_posters(s);
    strand_overflow_close(s);
    if (s->results_kept)
        strand_table_forget_results(s);
    strand_hosted_give_entries(s);
    unbind_all(s);
    strand_slot_cache_spill(&s->slots);
    strand_stack_pool_destroy(s->guest_stacks);
    strand_stack_pool_destroy(s->stacks);
    close_inbox(s);
    strand_loop_destroy(s->loop);
    strand_ready_close(&s->ready);
    free(s->timers.heap);
    pthread_cond_destroy(&s->dump_served);
    pthread_mutex_destroy(&s->guest_lock);
    free(s);
}

/* Left alone, but not lost: a debugger finds them here, and leak checkers see that they are
 * wanted. */
static struct {
    pthread_mutex_t lock;
    strand_scheduler *first;
} abandoned = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Its id becomes stale. */
static void abandon(struct strand *strand, void *context)
{
    strand_scheduler *s = context;
    struct strand_slot *slot = strand_slot_of(strand);
    if (strand_slot_end(slot) & STRAND_POST_WATCHED)
        strand_watchers_wake(s, slot, strand->id, NULL);
}

int strand_scheduler_abandon(strand_scheduler *s)
{
    strand_inbox_drain(s);
    if (s->hooks.abandon)
        s->hooks.abandon(s);
    pthread_mutex_lock(&abandoned.lock);
    s->next_abandoned = abandoned.first;
    abandoned.first = s;
    pthread_mutex_unlock(&abandoned.lock);
    strand_scheduler_visit(s, abandon, s);
    return 0;
}
