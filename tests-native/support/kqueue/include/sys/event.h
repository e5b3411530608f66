/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kqueue(2) as its manual pages have it (FreeBSD's and macOS's, sys/event.h), as far as
 * cpp/loop/loop_kqueue.c uses it, with Darwin's layout and numbers. For the double beside it
 * (../../kqueue.c), and for script/lib/check-darwin.
 */
#ifndef STRAND_TESTS_KQUEUE_SYS_EVENT_H
#define STRAND_TESTS_KQUEUE_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

struct kevent {
    uintptr_t ident;
    int16_t filter;
    uint16_t flags;
    uint32_t fflags;
    intptr_t data;
    void *udata;
};

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_USER (-10)
#define EVFILT_EXCEPT (-15)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define NOTE_TRIGGER 0x01000000
#define NOTE_LOWAT 0x00000001
#define NOTE_OOB 0x00000002

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_)                             \
    do {                                                                                           \
        struct kevent *event_ = (event);                                                           \
        event_->ident = (ident_);                                                                  \
        event_->filter = (filter_);                                                                \
        event_->flags = (flags_);                                                                  \
        event_->fflags = (fflags_);                                                                \
        event_->data = (data_);                                                                    \
        event_->udata = (udata_);                                                                  \
    } while (0)

#ifdef __cplusplus
extern "C" {
#endif

int kqueue(void);
int kevent(int kq, const struct kevent *changelist, int nchanges, struct kevent *eventlist,
           int nevents, const struct timespec *timeout);

#ifdef __cplusplus
}
#endif

#endif
