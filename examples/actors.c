/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors: strands that share nothing and send each other messages. They stand in a ring; a token
 * goes round it once, and each actor adds its own number to it before it passes it on.
 *
 *     actors [N]      N actors, 500,000 by default
 *
 * An actor is a strand with a mailbox: a queue of messages that only it takes from, in which it
 * parks while there is none. No lock guards the queue, since strands take turns: nothing else runs
 * between two calls that park.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strand/strand.h>

enum { DEFAULT_ACTORS = 500000, MOST_ACTORS = 10000000, EXIT_USAGE = 2 };

/* The smallest: an actor calls nothing that needs much. */
static const size_t STACK_BYTES = 8 * 1024;

/* ---- Mailboxes ------------------------------------------------------------------------------- */

/* Belongs to the actor in whose mailbox it lies, until that one sends it on. */
struct message {
    struct message *next;
    int64_t sum;
};

struct mailbox {
    struct message *first, *last;
    strand_id owner;
};

static int mailbox_send(struct mailbox *to, struct message *message)
{
    message->next = NULL;
    if (to->first)
        to->last->next = message;
    else
        to->first = message;
    to->last = message;
    return strand_wake(to->owner);
}

/* Waits for the next message, in the order in which they came. A wake may stand for several of
 * them, or for one that was taken already, so that the queue is looked at each time. */
static int mailbox_receive(struct mailbox *mine, struct message **out)
{
    while (!mine->first) {
        int status = strand_park("a message", STRAND_FOREVER);
        if (status < 0)
            return status;
    }
    *out = mine->first;
    mine->first = mine->first->next;
    return 0;
}

/* ---- Actors ---------------------------------------------------------------------------------- */

struct actor {
    struct mailbox mailbox;
    struct actor *neighbour;
    int64_t number;
    int status;             /* 0, or what kept it from its work */
};

static void act(void *argument)
{
    struct actor *self = argument;
    struct message *token;

    self->status = mailbox_receive(&self->mailbox, &token);
    if (self->status < 0)
        return;
    token->sum += self->number;
    self->status = mailbox_send(&self->neighbour->mailbox, token);
}

/* ---- The round ------------------------------------------------------------------------------- */

struct round {
    struct actor *actors;   /* 1 to count; 0 is the master, whose own number is 0 */
    int64_t count;
    struct message token;   /* the one message: it goes all the way, and nothing is allocated */
    int status;
};

static int spawn_actors(struct round *round, int64_t *spawned)
{
    const struct strand_options options = {
        .size = sizeof options, .name = "actor", .stack_bytes = STACK_BYTES};

    for (*spawned = 0; *spawned < round->count; (*spawned)++) {
        struct actor *actor = &round->actors[*spawned + 1];
        actor->number = *spawned + 1;
        actor->neighbour = actor->number < round->count ? actor + 1 : round->actors;
        int status = strand_spawn_with(NULL, &options, act, actor, &actor->mailbox.owner);
        if (status < 0)
            return status;
    }
    return 0;
}

static int send_round(struct round *round)
{
    struct message *back;
    int status = mailbox_send(&round->actors[1].mailbox, &round->token);
    return status < 0 ? status : mailbox_receive(&round->actors[0].mailbox, &back);
}

/* The master sends the token to the first actor and gets it from the last. */
static void preside(void *argument)
{
    struct round *round = argument;
    int64_t spawned;

    round->actors[0].mailbox.owner = strand_self();
    round->status = spawn_actors(round, &spawned);
    if (round->status == 0)
        round->status = send_round(round);
    for (int64_t i = 1; i <= spawned; i++) {
        struct actor *actor = &round->actors[i];
        if (round->status < 0)
            strand_cancel(actor->mailbox.owner);   /* it would wait for ever */
        int status = strand_join(actor->mailbox.owner, STRAND_FOREVER, NULL);
        if (round->status == 0)
            round->status = status < 0 ? status : actor->status;
    }
}

static int run(struct round *round)
{
    strand_scheduler *scheduler;
    int status = strand_scheduler_init(NULL, &scheduler);
    if (status < 0)
        return status;
    status = strand_spawn(scheduler, preside, round, NULL);
    if (status == 0)
        status = strand_scheduler_run(scheduler);
    strand_scheduler_shutdown(scheduler);
    return status < 0 ? status : round->status;
}

/* ---------------------------------------------------------------------------------------------- */

static int64_t count_from(const char *text)
{
    char *end;
    errno = 0;
    long long count = strtoll(text, &end, 10);
    return errno || *end || end == text || count < 1 || count > MOST_ACTORS ? -1 : count;
}

int main(int count, char **words)
{
    struct round round = {.count = count == 2 ? count_from(words[1]) : DEFAULT_ACTORS};

    if (count > 2 || round.count < 0) {
        fprintf(stderr, "usage: actors [N], 1 to %d\n", MOST_ACTORS);
        return EXIT_USAGE;
    }
    round.actors = calloc((size_t)round.count + 1, sizeof *round.actors);
    int64_t start_ns = strand_now_ns();
    int status = round.actors ? run(&round) : -ENOMEM;
    free(round.actors);
    if (status < 0) {
        fprintf(stderr, "actors: %s\n", strerror(-status));
        return EXIT_FAILURE;
    }
    int64_t wanted = round.count * (round.count + 1) / 2;
    if (round.token.sum != wanted) {
        fprintf(stderr, "actors: the sum is %" PRId64 ", not %" PRId64 "\n", round.token.sum,
                wanted);
        return EXIT_FAILURE;
    }
    printf("%" PRId64 " actors, sum %" PRId64 ", in %" PRId64 " ms\n", round.count, wanted,
           (strand_now_ns() - start_ns) / 1000000);
    return EXIT_SUCCESS;
}
