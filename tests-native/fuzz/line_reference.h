// SPDX-License-Identifier: Apache-2.0
// What the targets that read lines share: input as it may come, and what reading it comes to.
#ifndef STRAND_FUZZ_LINE_REFERENCE_H
#define STRAND_FUZZ_LINE_REFERENCE_H

#include <cerrno>
#include <cstddef>
#include <string>

#include "fuzz.h"

// By its ending's number of bytes.
constexpr const char *LINE_ENDINGS[] = {"", "\n", "\r\n"};

inline std::string chunk_of(Bytes *bytes)
{
    std::string chunk;
    for (size_t count = bytes->below(32); count > 0 && !bytes->empty(); count--)
        chunk += static_cast<char>(bytes->take());
    return chunk;
}

inline std::string run_of(Bytes *bytes, size_t length)
{
    static const char KINDS[] = {'x', '\r', '\n', '\0'};
    return std::string(length, KINDS[bytes->below(sizeof KINDS)]);
}

// All bytes that ever came, in one string, and the place in it where the reader stands.
struct LineReference {
    std::string came;
    size_t at = 0;
    size_t limit;
    bool ended = false;
    bool passing = false;      // what is left of a line that was refused

    size_t there() const { return came.size() - at; }

    // Of what is here without a newline: whether any continuation is still a line in the limit.
    bool over_limit(size_t length) const
    {
        bool perhaps_ending = length == limit + 1 && came.back() == '\r' && !ended;
        return length > limit && !perhaps_ending;
    }

    int refuse(size_t newline)
    {
        passing = newline == std::string::npos && !ended;
        at = newline == std::string::npos ? came.size() : newline + 1;
        return -E2BIG;
    }

    int next(std::string *text, int *ending)
    {
        size_t newline = came.find('\n', at);
        if (passing) {
            at = newline == std::string::npos ? came.size() : newline + 1;
            if (newline == std::string::npos)
                return ended ? 0 : -EAGAIN;
            passing = false;
            newline = came.find('\n', at);
        }
        *ending = newline != std::string::npos;
        *text = came.substr(at, *ending ? newline - at : newline);
        if (*ending && !text->empty() && text->back() == '\r') {
            text->pop_back();
            *ending = 2;
        }
        if (*ending ? text->size() > limit : over_limit(text->size()))
            return refuse(newline);
        if (*ending == 0 && !ended)
            return -EAGAIN;
        at += text->size() + static_cast<size_t>(*ending);
        return *ending || !text->empty();
    }

    std::string take(size_t size)
    {
        std::string text = came.substr(at, size);
        at += text.size();
        if (!text.empty())
            passing = false;
        return text;
    }
};

#endif
