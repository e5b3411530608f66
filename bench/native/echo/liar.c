/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that is wrong once, for the tests of the load: at line 100, by its first argument,
 * `altered` (a byte of it), `crossed` (it goes to the connection before), `twice`, `silent` (it
 * does not come back), or `closed` (the connection ends).
 */
#include "listen.h"

#include <poll.h>

enum { LINE_BYTES = 64, CONNECTIONS = 16, LIE_AT = 100 };

static struct pollfd peers[CONNECTIONS];
static nfds_t count;

static void say(nfds_t peer, const char *lines, size_t size)
{
    if (send(peers[peer].fd, lines, size, MSG_NOSIGNAL) != (ssize_t)size)
        exit(1);
}

static void lie(const char *how, nfds_t peer, char *line)
{
    if (!strcmp(how, "altered")) {
        line[LINE_BYTES - 2] ^= 1;
        say(peer, line, LINE_BYTES);
    } else if (!strcmp(how, "crossed")) {
        say(peer > 1 ? peer - 1 : count - 1, line, LINE_BYTES);
    } else if (!strcmp(how, "twice")) {
        memcpy(line + LINE_BYTES, line, LINE_BYTES);
        say(peer, line, 2 * (size_t)LINE_BYTES);
    } else if (!strcmp(how, "closed")) {
        shutdown(peers[peer].fd, SHUT_RDWR);
    }
}

static void answer(nfds_t peer, const char *how)
{
    static unsigned lines;
    char line[2 * LINE_BYTES];
    if (recv(peers[peer].fd, line, LINE_BYTES, MSG_WAITALL) != LINE_BYTES)
        exit(1);
    if (++lines == LIE_AT)
        lie(how, peer, line);
    else
        say(peer, line, LINE_BYTES);
}

int main(int arguments_count, char **arguments)
{
    if (arguments_count != 2)
        return 2;
    int listener = listen_on_loopback();
    peers[count++] = (struct pollfd){.fd = listener, .events = POLLIN};
    listen_print_port(listener);
    while (poll(peers, count, -1) > 0) {
        if (peers[0].revents && count < CONNECTIONS)
            peers[count++] = (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
        for (nfds_t i = 1; i < count; i++)
            if (peers[i].revents)
                answer(i, arguments[1]);
    }
    return 1;
}
