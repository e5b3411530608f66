/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: reading and writing that never waits, and never changes the open file description,
 * whose flags are shared with whoever else holds it (the parent shell): O_NONBLOCK is not set on
 * it.
 *
 *              Linux                                    Darwin
 *   socket     recv, send with MSG_DONTWAIT and         recv with MSG_DONTWAIT; send, which has no
 *              MSG_NOSIGNAL                             such flag there, plain where the socket is
 *                                                       non-blocking, else poll and at most
 *                                                       SO_SNDLOWAT bytes
 *   pipe       preadv2, pwritev2 with RWF_NOWAIT        poll and then read, poll and then write at
 *              (pipes: Linux 6.4), else as on Darwin    most PIPE_BUF
 *   terminal   a description of our own, opened non-blocking by /proc/self/fd or its name; where
 *              that fails, and on a pty's master, a look and then read or write
 *   file       plain calls: it is always ready (also a block device, /dev/null, /dev/zero)
 *   other      a look and then the plain call (eventfd, inotify, kqueue, unknown devices)
 *
 * SIGPIPE never kills: sockets ask for none where they can, and the first init of anything else but
 * a file installs a handler that does nothing, with SA_RESTART, where the process has left it at
 * SIG_DFL (a handler, unlike SIG_IGN, ends with exec). EINTR is retried. One thread at a time per
 * descriptor and direction.
 */
#ifndef STRAND_PLATFORM_DESCRIPTOR_H
#define STRAND_PLATFORM_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum strand_descriptor_kind {
    STRAND_DESCRIPTOR_SOCKET,
    STRAND_DESCRIPTOR_PIPE,
    STRAND_DESCRIPTOR_TERMINAL,
    STRAND_DESCRIPTOR_FILE,
    STRAND_DESCRIPTOR_OTHER,
};

struct strand_descriptor {
    int fd;         /* read, write and watch this one */
    int given_fd;   /* what init was given; differs from fd for a terminal opened anew */
    enum strand_descriptor_kind kind;
    bool nowait;    /* no call on fd can wait; else it is preceded by a poll */
};

/* 0; -EBADF when fd is not open. Nothing to undo on error. */
int strand_descriptor_init(struct strand_descriptor *d, int fd);

/* Closes what init opened, and the given descriptor too unless keep_given. Take d->fd out of the
 * loop first. 0 or -errno; the descriptors are closed in either case. */
int strand_descriptor_close(struct strand_descriptor *d, bool keep_given);

/* Bytes read (fewer than asked for says nothing about what follows), 0 at the end of input or when
 * size is 0, -EAGAIN when it would wait, -errno. */
ssize_t strand_descriptor_read(struct strand_descriptor *d, void *to, size_t size);

/* Bytes written, perhaps fewer than asked for: go on until -EAGAIN. -EPIPE when nobody reads. */
ssize_t strand_descriptor_write(struct strand_descriptor *d, const void *from, size_t size);

/* The peer of a socket sees the end of input. -ENOTSOCK on everything else. */
int strand_descriptor_shutdown_write(struct strand_descriptor *d);

/* For a descriptor just made (negative: errno says why): one above 2, so that what a process opens
 * for itself does not become a standard stream that it was started without. Or -errno. */
int strand_descriptor_above_standard(int fd);

#endif
