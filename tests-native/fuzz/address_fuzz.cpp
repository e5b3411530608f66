// SPDX-License-Identifier: Apache-2.0
// cpp/platform/address: what is accepted is what the header says and survives the way to text and
// back; what is not is refused clearly; nothing is read or written outside its bounds, which
// AddressSanitizer sees, since every text stands in a block of just its size.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "fuzz.h"

extern "C" {
#include "address.h"
}

namespace {

using Text = std::unique_ptr<char[]>;

Text exactly(const std::string &text)
{
    Text block(new char[text.size() + 1]);
    memcpy(block.get(), text.c_str(), text.size() + 1);
    return block;
}

bool is_digits(const std::string &text)
{
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// Of at most so many digits, no more than that.
bool is_number(const std::string &text, size_t most_digits, unsigned long most)
{
    return is_digits(text) && text.size() <= most_digits && std::stoul(text) <= most;
}

bool is_ipv4(const std::string &host)
{
    int parts = 0;
    for (size_t at = 0; parts < 4; parts++) {
        size_t dot = host.find('.', at);
        std::string part = host.substr(at, dot == std::string::npos ? dot : dot - at);
        if (!is_number(part, 3, 255) || (part.size() > 1 && part[0] == '0'))
            return false;
        if (dot == std::string::npos)
            return parts == 3;
        at = dot + 1;
    }
    return false;
}

bool is_scope(const std::string &scope)
{
    return is_number(scope, 16, UINT32_MAX) ? std::stoul(scope) != 0
                                            : if_nametoindex(scope.c_str()) != 0;
}

bool is_ipv6(std::string host)
{
    size_t percent = host.find('%');
    in6_addr ignored;
    if (percent != std::string::npos && !is_scope(host.substr(percent + 1)))
        return false;
    return inet_pton(AF_INET6, host.substr(0, percent).c_str(), &ignored) == 1;
}

// What parse should say, by the header's words.
int expected(const std::string &text)
{
    if (text.compare(0, 5, "unix:") == 0) {
        if (text.size() == 5)
            return -EINVAL;
        return text.size() - 5 < sizeof sockaddr_un{}.sun_path ? 0 : -ENAMETOOLONG;
    }
    bool six = text[0] == '[';
    size_t end = six ? text.find(']') : text.find(':');
    size_t colon = six && end != std::string::npos ? end + 1 : end;
    if (end == std::string::npos || text[colon] != ':' ||
        !is_number(text.substr(colon + 1), 5, 65535))
        return -EINVAL;
    return (six ? is_ipv6(text.substr(1, end - 1)) : is_ipv4(text.substr(0, end))) ? 0 : -EINVAL;
}

bool is_name(const std::string &text)
{
    size_t colon = text.find(':');
    if (colon == std::string::npos || !is_number(text.substr(colon + 1), 5, 65535))
        return false;
    std::string host = text.substr(0, colon), last;
    if (host.empty() || host.size() > 253 || host[0] == '.' ||
        host.find("..") != std::string::npos)
        return false;
    std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (host.find_first_not_of(letters + "0123456789-_.") != std::string::npos)
        return false;
    if (host.back() == '.')
        host.pop_back();
    last = host.substr(host.rfind('.') + 1);
    return last.find_first_of(letters) != std::string::npos;
}

void format_in_every_size(const strand_address &address, const std::string &whole)
{
    for (size_t size = 0; size <= whole.size() + 2; size++) {
        Text to(new char[size]);
        int status = strand_address_format(&address, to.get(), size);
        REQUIRE(status == (size > whole.size() ? 0 : -ENOSPC));
        if (status == 0)
            REQUIRE(whole == to.get());
    }
}

void go_round(const strand_address &address, const std::string &text)
{
    char formatted[256];
    strand_address again;
    REQUIRE(address.length <= sizeof address.storage);
    REQUIRE(strand_address_format(&address, formatted, sizeof formatted) == 0);
    REQUIRE(strand_address_parse(exactly(formatted).get(), &again) == 0);
    REQUIRE(again.length == address.length);
    REQUIRE(memcmp(&again.storage, &address.storage, address.length) == 0);
    const char *path = strand_address_path(&address);
    REQUIRE((path != nullptr) == (text.compare(0, 5, "unix:") == 0));
    if (path)
        REQUIRE(text.substr(5) == path && text == formatted);
    format_in_every_size(address, formatted);
}

}

void fuzz_one(const uint8_t *data, size_t size)
{
    std::string text(reinterpret_cast<const char *>(data), size);
    text.resize(strlen(text.c_str()));
    Text block = exactly(text);
    strand_address address;
    int status = strand_address_parse(block.get(), &address);
    REQUIRE(status == expected(text));
    REQUIRE(strand_address_is_name(block.get()) == is_name(text));
    if (status == 0)
        go_round(address, text);
}
