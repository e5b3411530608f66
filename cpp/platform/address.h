/* SPDX-License-Identifier: Apache-2.0 */
/* Numeric addresses of stream sockets and their text: "127.0.0.1:7000", "[::1]:0", "unix:/path";
 * and which text is a name, to be looked up (lookup.h). */
#ifndef STRAND_PLATFORM_ADDRESS_H
#define STRAND_PLATFORM_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct strand_address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/* 0; -EINVAL for what is no address (names are not looked up), -ENAMETOOLONG for a path. */
int strand_address_parse(const char *text, struct strand_address *out);
/* "name:7000": letters, digits, '-', '_' and '.', up to 253 of them (RFC 1123), a letter in the
 * last part, which sets it off from numbers that are no address. */
bool strand_address_is_name(const char *text);
/* With the final NUL. -ENOSPC when it does not fit. */
int strand_address_format(const struct strand_address *address, char *text, size_t size);
/* The path of a unix socket, NULL for others. */
const char *strand_address_path(const struct strand_address *address);

#endif
