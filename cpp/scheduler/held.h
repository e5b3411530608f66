/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variable behind strand_scheduler_held. Only for functions that are never inlined and read it
 * once, before they switch: a strand may one day resume on another thread, and an address of
 * thread-local storage that the compiler kept over the switch would then be the old thread's.
 *
 * initial-exec: one load instead of a call from a shared library; a pointer fits in the room that
 * every libc keeps for libraries loaded late.
 */
#ifndef STRAND_SCHEDULER_HELD_H
#define STRAND_SCHEDULER_HELD_H

#include "control.h"

extern _Thread_local strand_scheduler *strand_held_here __attribute__((tls_model("initial-exec")));

#endif
