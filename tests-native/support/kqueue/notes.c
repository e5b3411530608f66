/* SPDX-License-Identifier: Apache-2.0 */
/* What is registered in a queue, and what of it has happened. */
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_EVENTS = 4096 };   /* of a filter, in one call */

/* ---- Notes ---- */

static int kind_of(int filter)
{
    switch (filter) {
    case EVFILT_READ: return OF_READ;
    case EVFILT_WRITE: return OF_WRITE;
    case EVFILT_EXCEPT: return OF_EXCEPT;
    default: return -1;
    }
}

static int filter_of(int kind)
{
    static const int filters[KINDS] = {EVFILT_READ, EVFILT_WRITE, EVFILT_EXCEPT};
    return filters[kind];
}

static bool make_room_for(struct queue *q, size_t fd)
{
    size_t capacity = q->capacity ? q->capacity : 64;
    while (capacity <= fd)
        capacity *= 2;
    for (int kind = 0; kind < KINDS && capacity > q->capacity; kind++) {
        struct note *larger = realloc(q->of[kind], capacity * sizeof *larger);
        if (!larger)
            return false;
        for (size_t i = q->capacity; i < capacity; i++)
            larger[i] = (struct note){0};
        q->of[kind] = larger;
    }
    q->capacity = capacity;
    return true;
}

static struct note *find(struct queue *q, int kind, uintptr_t fd)
{
    return fd < q->capacity && q->of[kind][fd].flags & EV_ADD ? &q->of[kind][fd] : NULL;
}

static bool takes_part(const struct note *note)
{
    return !(note->flags & EV_DISABLE);
}

static void forget(struct queue *q, int kind, uintptr_t fd)
{
    struct note *note = find(q, kind, fd);
    if (!note)
        return;
    if (note->file)
        q->files--;
    else if (takes_part(note))
        (void)epoll_ctl(q->epoll[kind], EPOLL_CTL_DEL, (int)fd, NULL);
    *note = (struct note){0};
}

static uint32_t epoll_events(int kind, const struct note *note)
{
    const uint32_t events[KINDS] = {
        EPOLLIN | EPOLLRDHUP, EPOLLOUT,
        EPOLLRDHUP | (note->fflags & NOTE_OOB ? (uint32_t)EPOLLPRI : 0),
    };
    return events[kind] | (note->flags & EV_CLEAR ? (uint32_t)EPOLLET : 0);
}

static int watch(struct queue *q, int kind, int fd, const struct note *note)
{
    struct epoll_event event = {.events = epoll_events(kind, note), .data.fd = fd};
    return epoll_ctl(q->epoll[kind], EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

static bool is_file(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* What kernels do, as programs that use kqueue tell; no manual page has it. */
static bool is_pipe_without_reader(int fd)
{
    struct stat status;
    struct pollfd end = {.fd = fd, .events = POLLOUT};
    return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) && poll(&end, 1, 0) == 1 &&
           (end.revents & POLLERR);
}

/* Devices that epoll refuses are refused, as Darwin does; the manual pages have files readable until
 * their end and not to be watched for writing. */
static int attach(struct queue *q, int kind, int fd, struct note *note)
{
    if (kind == OF_WRITE && is_pipe_without_reader(fd))
        return EPIPE;
    int error = watch(q, kind, fd, note);
    if (error != EPERM)
        return error;
    if (kind != OF_READ || !is_file(fd))
        return EINVAL;
    note->file = note->triggered = true;
    q->files++;
    return 0;
}

static void enable(struct queue *q, int kind, int fd, struct note *note, bool on)
{
    if (!on && takes_part(note) && !note->file)
        (void)epoll_ctl(q->epoll[kind], EPOLL_CTL_DEL, fd, NULL);
    note->flags = (uint16_t)((note->flags & ~EV_DISABLE) | (on ? 0 : EV_DISABLE));
}

/* A note that stays is evaluated anew, as one just added: epoll does that on EPOLL_CTL_ADD. */
static int modify(struct queue *q, int kind, int fd, struct note *note,
                  const struct kevent *change)
{
    note->udata = change->udata;
    note->fflags = change->fflags;
    if (change->flags & EV_ADD)
        note->flags = (uint16_t)(EV_ADD | (change->flags & (EV_CLEAR | EV_ONESHOT | EV_DISABLE)));
    bool on = !(change->flags & EV_DISABLE) &&
              (takes_part(note) || change->flags & (EV_ADD | EV_ENABLE));
    enable(q, kind, fd, note, false);
    if (!on)
        return 0;
    enable(q, kind, fd, note, true);
    note->triggered = note->file;
    return note->file ? 0 : watch(q, kind, fd, note);
}

static int change_descriptor(struct queue *q, int kind, const struct kevent *change)
{
    int fd = (int)change->ident;
    struct note *note = find(q, kind, change->ident);
    if (fcntl(fd, F_GETFD) < 0)
        return EBADF;
    if (note && change->flags & EV_DELETE) {
        forget(q, kind, change->ident);
        return 0;
    }
    if (note)
        return modify(q, kind, fd, note, change);
    if (!(change->flags & EV_ADD))
        return ENOENT;
    if (!make_room_for(q, change->ident))
        return ENOMEM;
    note = &q->of[kind][change->ident];
    *note = (struct note){
        .udata = change->udata,
        .fflags = change->fflags,
        .flags = (uint16_t)(EV_ADD | (change->flags & (EV_CLEAR | EV_ONESHOT))),
    };
    int error = attach(q, kind, fd, note);
    if (error)
        *note = (struct note){0};
    else if (change->flags & EV_DISABLE)
        enable(q, kind, fd, note, false);
    return error;
}

/* ---- EVFILT_USER ---- */

static struct note **find_user(struct queue *q, uintptr_t ident)
{
    struct note **place = &q->users;
    while (*place && (*place)->ident != ident)
        place = &(*place)->next;
    return place;
}

static void tell_users(struct queue *q)
{
    uint64_t count = 1;
    for (struct note *note = q->users; note; note = note->next)
        if (note->triggered && takes_part(note) && write(q->wake_fd, &count, sizeof count) > 0)
            return;
}

static int change_user(struct queue *q, const struct kevent *change)
{
    struct note **place = find_user(q, change->ident), *note = *place;
    if (!note && !(change->flags & EV_ADD))
        return ENOENT;
    if (!note) {
        note = *place = calloc(1, sizeof *note);
        if (!note)
            return ENOMEM;
        note->ident = change->ident;
        note->flags = (uint16_t)(EV_ADD | (change->flags & (EV_CLEAR | EV_ONESHOT)));
    }
    if (change->flags & EV_DELETE) {
        *place = note->next;
        free(note);
        return 0;
    }
    note->udata = change->udata;
    if (change->flags & (EV_ENABLE | EV_DISABLE))
        note->flags = (uint16_t)((note->flags & ~EV_DISABLE) | (change->flags & EV_DISABLE));
    note->triggered |= (change->fflags & NOTE_TRIGGER) != 0;
    tell_users(q);
    return 0;
}

static int take_users(struct queue *q, struct kevent *events, int room)
{
    uint64_t count;
    int taken = 0;
    struct note *next;
    if (read(q->wake_fd, &count, sizeof count) < 0)
        return 0;
    for (struct note *note = q->users; note && taken < room; note = next) {
        next = note->next;
        if (!note->triggered || !takes_part(note))
            continue;
        EV_SET(&events[taken++], note->ident, EVFILT_USER, note->flags & (EV_CLEAR | EV_ONESHOT),
               0, 0, note->udata);
        if (note->flags & EV_CLEAR)
            note->triggered = false;
        if (note->flags & EV_ONESHOT) {
            *find_user(q, note->ident) = next;
            free(note);
        }
    }
    tell_users(q);
    return taken;
}

/* ---- Events ---- */

static intptr_t bytes_to_read(int fd)
{
    int bytes = 0;
    return ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : 1;   /* a listener has none to count */
}

static bool is_socket(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static void put(struct queue *q, int kind, int fd, uint32_t happened, struct kevent *event)
{
    static const uint32_t ends[KINDS] = {
        EPOLLRDHUP | EPOLLHUP, EPOLLHUP | EPOLLERR, EPOLLRDHUP | EPOLLHUP};
    struct note *note = find(q, kind, (uintptr_t)fd);
    uint32_t fflags = kind == OF_EXCEPT && happened & EPOLLPRI ? NOTE_OOB : 0;
    uint16_t flags = note->flags & (EV_CLEAR | EV_ONESHOT);
    if (happened & ends[kind])
        flags |= EV_EOF;
    if (happened & EPOLLERR && is_socket(fd)) {
        flags |= EV_EOF;
        fflags |= ECONNRESET;
    }
    EV_SET(event, (uintptr_t)fd, (int16_t)filter_of(kind), flags, fflags,
           kind == OF_READ ? bytes_to_read(fd) : 1, note->udata);
    if (note->flags & EV_ONESHOT)
        forget(q, kind, (uintptr_t)fd);
}

static int take_kind(struct queue *q, int kind, struct kevent *events, int room)
{
    static struct epoll_event happened[MAX_EVENTS];      /* under the lock */
    int most = room < MAX_EVENTS ? room : MAX_EVENTS;
    int count = most > 0 ? epoll_wait(q->epoll[kind], happened, most, 0) : 0;
    for (int i = 0; i < count; i++)
        put(q, kind, happened[i].data.fd, happened[i].events, &events[i]);
    return count > 0 ? count : 0;
}

static int take_files(struct queue *q, struct kevent *events, int room)
{
    int taken = 0;
    for (size_t fd = 0; q->files && fd < q->capacity && taken < room; fd++) {
        struct note *note = find(q, OF_READ, fd);
        struct stat status;
        if (!note || !note->file || !takes_part(note) || !note->triggered ||
            fstat((int)fd, &status) != 0)
            continue;
        off_t left = status.st_size - lseek((int)fd, 0, SEEK_CUR);
        if (left == 0)
            continue;
        EV_SET(&events[taken++], fd, EVFILT_READ, note->flags & (EV_CLEAR | EV_ONESHOT), 0, left,
               note->udata);
        note->triggered = !(note->flags & EV_CLEAR);
        if (note->flags & EV_ONESHOT)
            forget(q, OF_READ, fd);
    }
    return taken;
}

int strand_queue_take(struct queue *q, struct kevent *events, int room)
{
    int taken = 0;
    for (int kind = 0; kind < KINDS; kind++)
        taken += take_kind(q, kind, events + taken, room - taken);
    taken += take_files(q, events + taken, room - taken);
    return taken + take_users(q, events + taken, room - taken);
}

/* ---- All of them ---- */

int strand_queue_change(struct queue *q, const struct kevent *change)
{
    int kind = kind_of(change->filter);
    if (kind >= 0)
        return change_descriptor(q, kind, change);
    return change->filter == EVFILT_USER ? change_user(q, change) : EINVAL;
}

void strand_queue_forget(struct queue *q, int fd)
{
    for (int kind = 0; kind < KINDS; kind++)
        forget(q, kind, (uintptr_t)fd);
}

void strand_queue_forget_all(struct queue *q)
{
    for (int kind = 0; kind < KINDS; kind++)
        free(q->of[kind]);
    while (q->users) {
        struct note *next = q->users->next;
        free(q->users);
        q->users = next;
    }
}
