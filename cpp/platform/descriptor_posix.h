/* SPDX-License-Identifier: Apache-2.0 */
/* What the descriptors of every POSIX system share; for descriptor_<system>.c. */
#ifndef STRAND_PLATFORM_DESCRIPTOR_POSIX_H
#define STRAND_PLATFORM_DESCRIPTOR_POSIX_H

#include <sys/stat.h>

#include "descriptor.h"

/* -- given by descriptor_<system>.c -- */

/* Character devices that are files in all but name: null, zero, random. */
bool strand_descriptor_always_ready(const struct stat *status);
/* A description of our own of the terminal that fd has open, non-blocking, or -1. */
int strand_descriptor_reopen_terminal(int fd);
/* Whether no call on fd, of a kind that is no terminal, can wait. */
bool strand_descriptor_knows_nowait(int fd, enum strand_descriptor_kind kind);
/* Whether a write to such a descriptor can raise SIGPIPE. */
bool strand_descriptor_raises_sigpipe(int fd, enum strand_descriptor_kind kind);

/* -- given by descriptor_posix.c -- */

/* What read(2) and its kin returned, as bytes or -errno. */
ssize_t strand_descriptor_result(ssize_t count);
/* With EINTR retried. */
ssize_t strand_descriptor_plain_read(int fd, void *to, size_t size);
ssize_t strand_descriptor_plain_write(int fd, const void *from, size_t size);
ssize_t strand_descriptor_receive(int fd, void *to, size_t size);
/* For a descriptor that is not ready: -EAGAIN, or -EBADF where it never will be, since it is not
 * open for that direction (events: POLLIN or POLLOUT). */
int strand_descriptor_would_wait(int fd, short events);
/* By poll(2): 0 when a call for these events would not wait, else as above, -errno. */
int strand_descriptor_poll(int fd, short events);

/* How much a pipe, a terminal or another takes without waiting once it has room. */
size_t strand_descriptor_room(const struct strand_descriptor *d);

#endif
