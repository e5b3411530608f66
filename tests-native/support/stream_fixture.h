// SPDX-License-Identifier: Apache-2.0
// Streams in strands: descriptors of all kinds, and lines as strings.
#ifndef STRAND_TESTS_STREAM_FIXTURE_H
#define STRAND_TESTS_STREAM_FIXTURE_H

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "scheduler_fixture.h"

struct Ends {
    int read, write;
};

inline Ends make_pipe(int flags = 0)
{
    int ends[2];
    EXPECT_EQ(pipe2(ends, flags | O_CLOEXEC), 0);
    return {ends[0], ends[1]};
}

inline Ends make_sockets(int type = SOCK_STREAM)
{
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    return {ends[0], ends[1]};
}

// Sockets whose `write` takes little, so that a writer soon meets the end of the room.
inline Ends make_narrow()
{
    Ends ends = make_sockets();
    int size = 1;
    EXPECT_EQ(setsockopt(ends.write, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    return ends;
}

// A terminal in canonical mode: read gives one line at a time. Lines typed at `write` are read at
// `read`, with no echo.
inline Ends make_terminal()
{
    int keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_GE(keyboard, 0);
    EXPECT_EQ(grantpt(keyboard), 0);
    EXPECT_EQ(unlockpt(keyboard), 0);
    int terminal = open(ptsname(keyboard), O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_GE(terminal, 0);
    termios mode{};
    EXPECT_EQ(tcgetattr(terminal, &mode), 0);
    mode.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    EXPECT_EQ(tcsetattr(terminal, TCSANOW, &mode), 0);
    return {terminal, keyboard};
}

inline int make_file(const std::string &content)
{
    char name[] = "/tmp/strand-test-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    EXPECT_GE(fd, 0);
    unlink(name);
    EXPECT_EQ(write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

inline void put(int fd, const std::string &text)
{
    EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

inline void allow_descriptors(rlim_t count)
{
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = std::min(count, limit.rlim_max);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

class StreamTest : public SchedulerTest {
protected:
    static constexpr int64_t MS = 1000000;

    static strand_stream *open_stream(int fd, size_t max_line_bytes = 0, bool keep_fd = false)
    {
        strand_stream *stream = nullptr;
        strand_stream_options options{};
        options.size = sizeof options;
        options.max_line_bytes = max_line_bytes;
        options.keep_fd = keep_fd;
        EXPECT_EQ(strand_stream_open(fd, &options, &stream), 0);
        return stream;
    }

    // The line, with its ending; "" at the end; "-E..." for an error.
    static std::string line_of(strand_stream *stream)
    {
        strand_line line{};
        line.size = sizeof line;
        int status = strand_read_line(stream, &line);
        if (status < 0)
            return std::string("-") + strerrorname_np(-status);
        return status == 0 ? "" : std::string(line.text, line.length + line.ending);
    }

    // All lines until the end or an error, which comes last.
    static std::vector<std::string> lines_of(strand_stream *stream)
    {
        std::vector<std::string> lines;
        do
            lines.push_back(line_of(stream));
        while (!lines.back().empty() && lines.back()[0] != '-');
        if (lines.back().empty())
            lines.pop_back();
        return lines;
    }

    static int put_line(strand_stream *stream, const std::string &text)
    {
        return strand_write_line(stream, text.data(), text.size());
    }

    static ssize_t put_bytes(strand_stream *stream, const std::string &text)
    {
        return strand_write(stream, text.data(), text.size());
    }
};

using Lines = std::vector<std::string>;

#endif
