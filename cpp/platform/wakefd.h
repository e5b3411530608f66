/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What wakes the holder from outside: a descriptor that becomes readable when any thread or signal
 * handler signals it (eventfd on Linux, a pipe elsewhere). Watch `fd` as any other; drain before
 * looking for what it announced, so that no later signal is lost. Non-blocking, closed on exec, and
 * never a standard stream.
 */
#ifndef STRAND_PLATFORM_WAKEFD_H
#define STRAND_PLATFORM_WAKEFD_H

struct strand_wakefd {
    int fd;          /* becomes readable */
    int signal_fd;   /* written to by a signal; `fd` itself where one descriptor is both */
};

int strand_wakefd_create(struct strand_wakefd *out);              /* 0 or -errno */
void strand_wakefd_signal(const struct strand_wakefd *wakefd);   /* async-signal-safe; errno stays */
void strand_wakefd_drain(const struct strand_wakefd *wakefd);
void strand_wakefd_close(const struct strand_wakefd *wakefd);

#endif
