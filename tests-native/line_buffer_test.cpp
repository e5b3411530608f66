// SPDX-License-Identifier: Apache-2.0
// Bytes in, lines out, against a plain reference: cpp/io/line_buffer.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "environment.h"

extern "C" {
#include "line_buffer.h"
}

namespace {

constexpr const char *TOO_LONG = "<too long>";

// Each line as "text|ending", a line over the limit as TOO_LONG.
using Lines = std::vector<std::string>;

std::string shown(const std::string &text, int ending)
{
    return text + "|" + std::to_string(ending);
}

Lines reference(const std::string &input, size_t limit)
{
    Lines lines;
    for (size_t at = 0; at < input.size();) {
        size_t newline = input.find('\n', at);
        int ending = newline == std::string::npos ? 0 : 1;
        std::string text = input.substr(at, ending ? newline - at : std::string::npos);
        at += text.size() + static_cast<size_t>(ending);
        if (ending && !text.empty() && text.back() == '\r') {
            text.pop_back();
            ending = 2;
        }
        lines.push_back(text.size() > limit ? TOO_LONG : shown(text, ending));
    }
    return lines;
}

class LineBuffer : public testing::Test {
protected:
    ~LineBuffer() override { strand_buffer_pool_close(&pool); }

    // Takes what is whole. Whether the end was met.
    bool take_lines(Lines *lines)
    {
        strand_line line{};
        line.size = sizeof line;
        for (;;) {
            int status = strand_line_buffer_next(&buffer, &line);
            if (status == -EAGAIN || status == 0)
                return status == 0;
            if (status == -E2BIG) {
                lines->push_back(TOO_LONG);
                continue;
            }
            EXPECT_EQ(status, 1);
            const char *endings[] = {"", "\n", "\r\n"};
            EXPECT_EQ(memcmp(line.text + line.length, endings[line.ending], line.ending), 0);
            lines->push_back(shown(std::string(line.text, line.length), line.ending));
        }
    }

    void feed(const char *from, size_t count)
    {
        while (count > 0) {
            char *to;
            size_t size;
            ASSERT_EQ(strand_line_buffer_room(&buffer, &to, &size), 0);
            ASSERT_GT(size, 0u);
            size_t part = count < size ? count : size;
            memcpy(to, from, part);
            strand_line_buffer_filled(&buffer, part);
            from += part;
            count -= part;
            if (count > 0)
                take_lines(&lines);
        }
    }

    Lines split(const std::string &input, size_t limit, size_t chunk, bool rest = false)
    {
        lines.clear();
        strand_line_buffer_init(&buffer, &pool, limit);
        for (size_t at = 0; at < input.size(); at += chunk) {
            feed(input.data() + at, std::min(chunk, input.size() - at));
            EXPECT_FALSE(take_lines(&lines));
            most = std::max(most, buffer.capacity);
            if (rest)
                strand_line_buffer_rest(&buffer);
        }
        strand_line_buffer_end(&buffer);
        EXPECT_TRUE(take_lines(&lines));
        EXPECT_TRUE(take_lines(&lines)) << "the end stays the end";
        strand_line_buffer_close(&buffer);
        return lines;
    }

    strand_buffer_pool pool{};
    strand_line_buffer buffer{};
    Lines lines;
    size_t most = 0;
};

TEST_F(LineBuffer, shouldSplitEveryShortInputAtEveryChunkSizeAsTheReferenceDoes)
{
    const char alphabet[] = {'a', '\r', '\n', '\0'};
    for (size_t length = 0; length <= 7; length++) {
        std::string input(length, 'a');
        size_t inputs = size_t{1} << (2 * length);
        for (size_t number = 0; number < inputs; number++) {
            for (size_t i = 0; i < length; i++)
                input[i] = alphabet[number >> (2 * i) & 3];
            Lines expected = reference(input, 2);
            for (size_t chunk = 1; chunk <= std::max<size_t>(length, 1); chunk++)
                ASSERT_EQ(split(input, 2, chunk, number & 1), expected)
                    << testing::PrintToString(input) << " in chunks of " << chunk;
        }
    }
}

TEST_F(LineBuffer, shouldSplitLongInputsAsTheReferenceDoes)
{
    std::mt19937 random(1);
    const size_t bytes = emulated() ? 200000 : 1500000;   // else an emulator takes a minute
    for (size_t chunk : {1ul, 7ul, 1000ul, 4096ul, 65535ul, 65536ul, 65537ul, 300000ul}) {
        std::string input;
        while (input.size() < bytes) {
            size_t length = random() % 3 ? random() % 100 : random() % 200000;
            input += std::string(length, static_cast<char>('a' + random() % 26));
            input += random() % 2 ? "\n" : "\r\n";
        }
        input += "the last";
        EXPECT_TRUE(split(input, 150000, chunk) == reference(input, 150000)) << chunk;
        EXPECT_TRUE(split(input, 150000, chunk, true) == reference(input, 150000)) << chunk;
    }
}

TEST_F(LineBuffer, shouldKeepEveryByteOfALine)
{
    std::string input;
    for (int byte = 0; byte < 256; byte++)
        if (byte != '\n')
            input += static_cast<char>(byte);
    EXPECT_EQ(split(input + "\n", 0, 10), Lines{shown(input, STRAND_ENDING_LF)});
}

TEST_F(LineBuffer, shouldTakeALineOfExactlyTheLimitWithEitherEndingOrNone)
{
    std::string line(STRAND_LINE_LIMIT_BYTES, 'x');
    for (const char *ending : {"\r\n", "\n", ""}) {
        Lines expected{shown(line, static_cast<int>(strlen(ending)))};
        EXPECT_TRUE(split(line + ending, 0, 65536) == expected);
        EXPECT_TRUE(split(line + ending, 0, line.size() + 1) == expected);
        EXPECT_EQ(split(line + "x" + ending, 0, 65536), Lines{TOO_LONG});
    }
    EXPECT_EQ(split(line + "\r", 0, 65536), Lines{TOO_LONG});
}

TEST_F(LineBuffer, shouldPassALineOverTheLimitInBoundedMemoryAndResumeAfterIt)
{
    std::string input = "before\n" + std::string(40000000, 'x') + "\nafter\n";
    EXPECT_EQ(split(input, 0, 65536), (Lines{"before|1", TOO_LONG, "after|1"}));
    EXPECT_LE(most, STRAND_LINE_LIMIT_BYTES + 2 + STRAND_BUFFER_BYTES);
}

TEST_F(LineBuffer, shouldHoldNoMemoryWhileItRestsEmpty)
{
    strand_line_buffer_init(&buffer, &pool, 0);
    feed("a\n", 2);
    take_lines(&lines);
    strand_line_buffer_rest(&buffer);
    EXPECT_EQ(buffer.capacity, 0u);

    feed("part", 4);
    take_lines(&lines);
    strand_line_buffer_rest(&buffer);
    EXPECT_EQ(buffer.capacity, 4u);
    feed(" whole\n", 7);
    take_lines(&lines);
    EXPECT_EQ(lines, (Lines{"a|1", "part whole|1"}));
    strand_line_buffer_close(&buffer);
}

// The part of a line that waits is moved to a block of its size, back to a large one, and to the
// front of that.
TEST_F(LineBuffer, shouldKeepSequencesThatAreCutWhereTheyAreMoved)
{
    const std::string word = "\xe2\x82\xac\xc3\xa9", long_line(STRAND_BUFFER_BYTES / 2, 'x');
    for (size_t cut = 1; cut < word.size(); cut++) {
        lines.clear();
        strand_line_buffer_init(&buffer, &pool, 0);
        feed(word.data(), cut);
        take_lines(&lines);
        strand_line_buffer_rest(&buffer);
        EXPECT_EQ(buffer.capacity, cut);
        std::string more = word.substr(cut) + "\n" + long_line + "\n" + word.substr(0, cut);
        feed(more.data(), more.size());
        take_lines(&lines);
        EXPECT_GT(buffer.start, STRAND_BUFFER_BYTES / 2);
        more = word.substr(cut) + "\n";
        feed(more.data(), more.size());
        EXPECT_EQ(buffer.capacity, STRAND_BUFFER_BYTES);
        take_lines(&lines);
        EXPECT_EQ(lines, (Lines{word + "|1", long_line + "|1", word + "|1"}));
        strand_line_buffer_close(&buffer);
    }
}

TEST_F(LineBuffer, shouldGiveBytesOutWithoutRegardToLines)
{
    char bytes[8];
    strand_line_buffer_init(&buffer, &pool, 0);
    feed("one\ntwo\n", 8);
    EXPECT_EQ(strand_line_buffer_take(&buffer, bytes, 2), 2u);
    take_lines(&lines);
    EXPECT_EQ(lines, (Lines{"e|1", "two|1"}));
    EXPECT_EQ(strand_line_buffer_take(&buffer, bytes, sizeof bytes), 0u);

    feed("cr\r\n", 4);
    EXPECT_EQ(strand_line_buffer_take(&buffer, bytes, 3), 3u);
    lines.clear();
    take_lines(&lines);
    EXPECT_EQ(lines, (Lines{"|1"})) << "the CR has been taken";
    strand_line_buffer_close(&buffer);
}

} // namespace
