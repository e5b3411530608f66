/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

/* Digits and nothing else: strtoul would take blanks and signs too. */
static bool parse_number(const char *text, int most_digits, uint64_t most, uint64_t *out)
{
    *out = 0;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || c - text >= most_digits)
            return false;
        *out = *out * 10 + (uint64_t)(*c - '0');
    }
    return *text && *out <= most;
}

static bool parse_port(const char *text, in_port_t *port)
{
    uint64_t value;
    bool valid = parse_number(text, 5, 65535, &value);
    *port = htons((uint16_t)value);
    return valid;
}

static int parse_unix(const char *path, struct strand_address *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->storage;
    size_t length = strlen(path);
    if (length == 0)
        return -EINVAL;
    if (length >= sizeof un->sun_path)
        return -ENAMETOOLONG;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, length + 1);
    out->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

/* "%eth0" or "%2" after a link-local address; cut off host. */
static bool parse_scope(char *host, uint32_t *scope)
{
    char *percent = strchr(host, '%');
    *scope = 0;
    if (!percent)
        return true;
    *percent = '\0';
    uint64_t number;
    bool numeric = parse_number(percent + 1, IF_NAMESIZE, UINT32_MAX, &number);
    *scope = numeric ? (uint32_t)number : if_nametoindex(percent + 1);
    return *scope != 0;
}

static int parse_ipv6(const char *text, struct strand_address *out)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->storage;
    char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
    const char *bracket = strchr(text, ']');
    size_t length = bracket ? (size_t)(bracket - text) : sizeof host;

    if (length >= sizeof host || bracket[1] != ':')
        return -EINVAL;
    memcpy(host, text, length);
    host[length] = '\0';
    in6->sin6_family = AF_INET6;
    out->length = sizeof *in6;
    if (!parse_scope(host, &in6->sin6_scope_id) ||
        inet_pton(AF_INET6, host, &in6->sin6_addr) != 1 ||
        !parse_port(bracket + 2, &in6->sin6_port))
        return -EINVAL;
    return 0;
}

static int parse_ipv4(const char *text, struct strand_address *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&out->storage;
    char host[INET_ADDRSTRLEN];
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : sizeof host;

    if (length >= sizeof host)
        return -EINVAL;
    memcpy(host, text, length);
    host[length] = '\0';
    in->sin_family = AF_INET;
    out->length = sizeof *in;
    if (inet_pton(AF_INET, host, &in->sin_addr) != 1 || !parse_port(colon + 1, &in->sin_port))
        return -EINVAL;
    return 0;
}

enum { MOST_NAME_BYTES = 253 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool strand_address_is_name(const char *text)
{
    const char *colon = text ? strchr(text, ':') : NULL;
    in_port_t port;
    bool letter = false;
    if (!colon || colon == text || colon - text > MOST_NAME_BYTES || !parse_port(colon + 1, &port))
        return false;
    for (const char *c = text; c < colon; c++) {
        bool dot = *c == '.';
        if (dot && (c == text || c[-1] == '.'))
            return false;
        if (!dot && !is_letter(*c) && !(*c >= '0' && *c <= '9') && *c != '-' && *c != '_')
            return false;
        letter = is_letter(*c) || (letter && (!dot || c + 1 == colon));
    }
    return letter;
}

int strand_address_parse(const char *text, struct strand_address *out)
{
    memset(out, 0, sizeof *out);
    if (!text)
        return -EINVAL;
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, out);
    return text[0] == '[' ? parse_ipv6(text + 1, out) : parse_ipv4(text, out);
}

const char *strand_address_path(const struct strand_address *address)
{
    if (address->storage.ss_family != AF_UNIX)
        return NULL;
    if (address->length <= offsetof(struct sockaddr_un, sun_path))
        return "";
    return ((const struct sockaddr_un *)&address->storage)->sun_path;
}

int strand_address_format(const struct strand_address *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    int length;

    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        length = snprintf(text, size, "%s:%u", host, (unsigned)ntohs(in->sin_port));
    } else if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
        char scope[12] = "";
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        if (in6->sin6_scope_id)
            snprintf(scope, sizeof scope, "%%%u", (unsigned)in6->sin6_scope_id);
        length = snprintf(text, size, "[%s%s]:%u", host, scope, (unsigned)ntohs(in6->sin6_port));
    } else {
        length = snprintf(text, size, "unix:%s", strand_address_path(address));
    }
    return (size_t)length < size ? 0 : -ENOSPC;
}
