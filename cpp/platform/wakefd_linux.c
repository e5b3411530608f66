/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2): one descriptor, and a signal costs the kernel no memory. */
#include "wakefd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "descriptor.h"

int strand_wakefd_create(struct strand_wakefd *out)
{
    int fd = strand_descriptor_above_standard(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    *out = (struct strand_wakefd){.fd = fd, .signal_fd = fd};
    return fd < 0 ? fd : 0;
}

void strand_wakefd_signal(const struct strand_wakefd *wakefd)
{
    int saved = errno;
    uint64_t one = 1;
    ssize_t count;
    do
        count = write(wakefd->signal_fd, &one, sizeof one);
    while (count < 0 && errno == EINTR);
    errno = saved;   /* EAGAIN: the counter is full, so it is readable all the same */
}

void strand_wakefd_drain(const struct strand_wakefd *wakefd)
{
    uint64_t count;
    while (read(wakefd->fd, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

void strand_wakefd_close(const struct strand_wakefd *wakefd)
{
    close(wakefd->fd);
}
