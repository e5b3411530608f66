// SPDX-License-Identifier: Apache-2.0
// cpp/io/line_buffer against a plain reference: bytes in chunks of any size, and between them lines,
// raw reads, and rests.
#include <cerrno>
#include <cstring>
#include <string>

#include "fuzz.h"
#include "line_reference.h"

extern "C" {
#include "line_buffer.h"
}

namespace {

constexpr size_t MOST_BYTES = 1 << 20;

class Both {
public:
    explicit Both(size_t limit)
    {
        reference.limit = limit ? limit : STRAND_LINE_LIMIT_BYTES;
        strand_line_buffer_init(&buffer, &pool, limit);
    }

    ~Both()
    {
        strand_line_buffer_close(&buffer);
        strand_buffer_pool_close(&pool);
    }

    // Only as much as one reading brings: what the room is for.
    void feed(const std::string &bytes)
    {
        char *to;
        size_t size;
        REQUIRE(strand_line_buffer_room(&buffer, &to, &size) == 0);
        REQUIRE(size >= STRAND_BUFFER_BYTES / 2);
        size = bytes.size() < size ? bytes.size() : size;
        memcpy(to, bytes.data(), size);
        strand_line_buffer_filled(&buffer, size);
        reference.came.append(bytes, 0, size);
        look();
    }

    int next()
    {
        strand_line line{};
        std::string text;
        int ending = 0;
        int expected = reference.next(&text, &ending);
        REQUIRE(strand_line_buffer_next(&buffer, &line) == expected);
        if (expected == 1) {
            text += LINE_ENDINGS[ending];
            REQUIRE(line.ending == ending);
            REQUIRE(line.length + static_cast<size_t>(line.ending) == text.size());
            REQUIRE(memcmp(line.text, text.data(), text.size()) == 0);
        }
        look();
        return expected;
    }

    void take(size_t size)
    {
        std::string expected = reference.take(size), got(size, '?');
        got.resize(strand_line_buffer_take(&buffer, got.data(), size));
        REQUIRE(got == expected);
        look();
    }

    void rest()
    {
        strand_line_buffer_rest(&buffer);
        look();
        REQUIRE(reference.there() > 0 || buffer.capacity == 0);
    }

    void end()
    {
        strand_line_buffer_end(&buffer);
        reference.ended = true;
    }

    bool has_ended() const { return reference.ended; }

private:
    void look() const
    {
        REQUIRE(strand_line_buffer_length(&buffer) == reference.there());
        REQUIRE(buffer.start <= buffer.scanned && buffer.scanned <= buffer.end);
        REQUIRE(buffer.end <= buffer.capacity);
        if (reference.limit >= STRAND_BUFFER_BYTES)
            REQUIRE(buffer.capacity <= reference.limit + 2 + STRAND_BUFFER_BYTES);
    }

    strand_buffer_pool pool{};
    strand_line_buffer buffer{};
    LineReference reference{};
};

// Lines are read as a stream does it: all that are there, or only one.
void read_on(Both *both, bool all)
{
    int status;
    do
        status = both->next();
    while (all && (status == 1 || status == -E2BIG));
}

void step(Both *both, Bytes *bytes, size_t *fed)
{
    unsigned choice = bytes->below(8);
    if (choice >= 3 && choice <= 5 && !both->has_ended() && *fed < MOST_BYTES) {
        std::string chunk = choice == 5 ? run_of(bytes, bytes->length()) : chunk_of(bytes);
        *fed += chunk.size();
        read_on(both, true);
        both->feed(chunk);
    } else if (choice == 6) {
        both->take(bytes->length());
    } else if (choice == 7) {
        if (bytes->below(8) == 0)
            both->end();
        else
            both->rest();
    } else {
        read_on(both, choice == 0);
    }
}

}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const size_t LIMITS[] = {1, 2, 3, 10, 100, 65534, 65535, 65536, 65537, 100000, 0, SIZE_MAX / 8};
    Bytes bytes(data, size);
    Both both(LIMITS[bytes.below(sizeof LIMITS / sizeof *LIMITS)]);
    size_t fed = 0;
    while (!bytes.empty())
        step(&both, &bytes, &fed);
    if (!both.has_ended())
        both.end();
    read_on(&both, true);
    REQUIRE(both.next() == 0);
}
