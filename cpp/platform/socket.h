/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream sockets of our own making: non-blocking and closed on exec from birth (on Darwin, from
 * just after it), and never 0, 1 or 2 (which would turn them into a standard stream where the
 * process was started without one).
 */
#ifndef STRAND_PLATFORM_SOCKET_H
#define STRAND_PLATFORM_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "descriptor.h"

/* Which file a unix listener has made, so that closing it removes no other's. */
struct strand_socket_file {
    uint64_t device, inode;   /* 0, 0: none */
};

/*
 * Bound and listening: the descriptor or -errno. backlog <= 0: SOMAXCONN. A unix socket's file that
 * nobody serves any more is replaced, where the system lets that be known (not on Darwin).
 */
int strand_socket_listen(const struct strand_address *address, int backlog,
                         struct strand_socket_file *file);
/* Closes a listening socket and removes its file. */
void strand_socket_listen_end(int fd, const struct strand_address *address,
                              const struct strand_socket_file *file);
int strand_socket_name(int fd, struct strand_address *out);

/* The descriptor of a connection; -EAGAIN: none waits; -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM: out of
 * means, for now; -ECONNABORTED: one that went before it was taken, the next may be there. */
int strand_socket_accept(int listener);

/* The descriptor, with *pending true while the connection is being made. -EAGAIN: a unix socket
 * whose queue is full. */
int strand_socket_connect(const struct strand_address *address, bool *pending);
/* Once it is writable: 0, or why it failed; -EAGAIN: not decided yet. */
int strand_socket_connected(int fd);
void strand_socket_close(int fd);
/* Another number for any descriptor, or -errno. */
int strand_socket_duplicate(int fd);

/* Whether a read that brings less than asked for has emptied the descriptor, but for the end and
 * urgent data: TCP. Not where each read is one packet, as it is on other sockets and, with O_DIRECT
 * at its writing end (the reading end cannot know), on a pipe; nor on unix sockets, where a read
 * also ends behind a message that passes descriptors. */
bool strand_socket_short_read_tells(const struct strand_descriptor *d);
/* The same of a socket of this address. */
bool strand_address_short_read_tells(const struct strand_address *address);

#endif
