/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_NETDB_H
#define STRAND_TESTS_DARWIN_NETDB_H

#include <sys/socket.h>

#define EAI_AGAIN 2
#define EAI_FAIL 4
#define EAI_FAMILY 5
#define EAI_MEMORY 6
#define EAI_NONAME 8
#define EAI_SYSTEM 11
#define AI_NUMERICSERV 0x1000

struct addrinfo {
    int ai_flags;
    int ai_family;
    int ai_socktype;
    int ai_protocol;
    socklen_t ai_addrlen;
    char *ai_canonname;
    struct sockaddr *ai_addr;
    struct addrinfo *ai_next;
};

int getaddrinfo(const char *host, const char *service, const struct addrinfo *wanted,
                struct addrinfo **out);
void freeaddrinfo(struct addrinfo *list);

#endif
