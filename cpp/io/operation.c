/* SPDX-License-Identifier: Apache-2.0 */
#include "operation.h"

int strand_operation_repeats(struct strand *self, struct strand_object *object)
{
    if (self->operation == object)
        return -EAGAIN;
    strand_operation_end(self);
    self->operation = object;
    object->users++;
    return -EAGAIN;
}

void strand_operation_leave(struct strand *self)
{
    struct strand_object *object = self->operation;
    self->operation = NULL;
    object->users--;
    strand_object_release_unused(object);
}

void strand_object_release_unused(struct strand_object *object)
{
    if (object->closed && object->users == 0)
        object->release(object);
}

void strand_turn_init(struct strand_turn *turn)
{
    turn->holder = 0;
    strand_list_init(&turn->queue);
    strand_list_init(&turn->waiting);
}

int strand_turn_queue(struct strand *self, struct strand_turn *turn, const char *reason,
                      int64_t deadline_ns)
{
    return strand_wait_arm(self, &turn->queue, reason, deadline_ns,
                           deadline_ns == STRAND_FOREVER ? STRAND_WAIT_INSIDE
                                                         : STRAND_WAIT_OUTSIDE);
}

int strand_turn_enter(struct strand *self, struct strand_turn *turn, const char *reason,
                      int64_t deadline_ns)
{
    if (turn->holder == self->id)
        return 0;
    if (turn->holder != 0)
        return strand_turn_queue(self, turn, reason, deadline_ns);
    turn->holder = self->id;
    return 0;
}

void strand_turn_pass(struct strand_turn *turn)
{
    struct strand *next = strand_wait_wake_first(&turn->queue);
    turn->holder = next ? next->id : 0;
}

void strand_turn_leave(struct strand *self, struct strand_turn *turn)
{
    if (turn->holder == self->id)
        strand_turn_pass(turn);
}

void strand_turn_break(struct strand_turn *turn)
{
    turn->holder = 0;
    strand_wait_wake_all(&turn->queue);
    strand_wait_wake_all(&turn->waiting);
}
