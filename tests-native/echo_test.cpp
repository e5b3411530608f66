// SPDX-License-Identifier: Apache-2.0
// examples/echo as a process: bytes, statuses, signals.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string read_all(int fd)
{
    std::string text;
    char buffer[65536];
    for (ssize_t count; (count = read(fd, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<size_t>(count));
    close(fd);
    return text;
}

void put(int fd, const std::string &text)
{
    for (size_t at = 0; at < text.size();) {
        ssize_t count = write(fd, text.data() + at, text.size() - at);
        if (count <= 0)
            return;
        at += static_cast<size_t>(count);
    }
}

// An echo that runs, with pipes for its standard streams where none are given (-1).
class Echo {
public:
    // closed: a standard stream that it is started without.
    explicit Echo(std::vector<std::string> options = {}, int in = -1, int out = -1, int closed = -1)
    {
        int ins[2] = {-1, -1}, outs[2] = {-1, -1}, errors[2];
        EXPECT_TRUE(in >= 0 || pipe2(ins, O_CLOEXEC) == 0);
        EXPECT_TRUE(out >= 0 || pipe2(outs, O_CLOEXEC) == 0);
        EXPECT_EQ(pipe2(errors, O_CLOEXEC), 0);
        process = fork();
        if (process == 0) {
            signal(SIGPIPE, SIG_DFL);
            dup2(in < 0 ? ins[0] : in, 0);
            dup2(out < 0 ? outs[1] : out, 1);
            dup2(errors[1], 2);
            if (closed >= 0)
                close(closed);
            std::vector<char *> words{const_cast<char *>("echo")};
            for (std::string &option : options)
                words.push_back(option.data());
            words.push_back(nullptr);
            execv(STRAND_TEST_ECHO, words.data());
            _exit(127);
        }
        close(ins[0]);
        close(outs[1]);
        close(errors[1]);
        input = ins[1];
        output = outs[0];
        error = errors[0];
    }

    ~Echo()
    {
        if (process > 0) {
            kill(process, SIGKILL);
            status();
        }
        for (int fd : {input, output, error})
            close(fd);
    }

    // The exit status, or 128 + the signal.
    int status()
    {
        int status = 0;
        waitpid(process, &status, 0);
        process = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    // What comes back of `text`; everything else of the process is over then.
    std::string echoed(const std::string &text)
    {
        std::thread writer([&] {
            put(input, text);
            close(input);
        });
        std::string back = read_all(output);
        writer.join();
        return back;
    }

    std::string error_line()
    {
        std::string line;
        for (char byte; read(error, &byte, 1) == 1 && byte != '\n';)
            line += byte;
        return line;
    }

    pid_t process;
    int input, output, error;
};

int connect_to(const std::string &address)
{
    sockaddr_in to{};
    size_t colon = address.rfind(':');
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof to), 0) << address;
    return fd;
}

// "listening on ADDRESS": the address.
std::string address_of(Echo &echo)
{
    std::string line = echo.error_line(), prefix = "listening on ";
    EXPECT_EQ(line.substr(0, prefix.size()), prefix);
    return line.substr(prefix.size());
}

std::string all_kinds_of_lines()
{
    std::string text = std::string("unix\ndos\r\n\n\r\nlone\rcr\nnul\0byte\n\xff\xfe\xc3\n", 34);
    for (int byte = 0; byte < 256; byte++)
        text += static_cast<char>(byte);
    std::string long_line(1024 * 1024, 'x');
    return text + "\n" + long_line + "\r\n" + long_line + "\nlast";
}

TEST(EchoProcess, shouldGiveBackEveryByte)
{
    for (const std::string &text : {std::string(), std::string("\n"), std::string("\r"),
                                    std::string("no newline"), all_kinds_of_lines()}) {
        Echo echo;
        EXPECT_TRUE(echo.echoed(text) == text) << text.size();
        EXPECT_EQ(read_all(echo.error), "");
        EXPECT_EQ(echo.status(), 0);
    }
}

TEST(EchoProcess, shouldGiveBackAFileIntoAFile)
{
    FILE *in = tmpfile(), *out = tmpfile();
    std::string text = all_kinds_of_lines();
    put(fileno(in), text);
    lseek(fileno(in), 0, SEEK_SET);
    Echo echo({}, fileno(in), fileno(out));
    EXPECT_EQ(echo.status(), 0);
    lseek(fileno(out), 0, SEEK_SET);
    EXPECT_TRUE(read_all(dup(fileno(out))) == text);
    fclose(in);
    fclose(out);
}

TEST(EchoProcess, shouldLeaveOutALineThatIsTooLongAndSaySoOnce)
{
    Echo echo;
    EXPECT_EQ(echo.echoed("a\n" + std::string(3000000, 'x') + "\nb\n"), "a\nb\n");
    std::string errors = read_all(echo.error);
    EXPECT_EQ(errors.find('\n'), errors.size() - 1) << errors;
    EXPECT_EQ(echo.status(), 1);
}

TEST(EchoProcess, shouldAnswerALineBeforeTheNextComes)
{
    Echo echo;
    char line[4];
    for (int i = 0; i < 3; i++) {
        put(echo.input, "abc\n");
        EXPECT_EQ(read(echo.output, line, 4), 4);
    }
    close(echo.input);
    EXPECT_EQ(echo.status(), 0);
}

TEST(EchoProcess, shouldSayOneLineWhenNobodyReads)
{
    Echo echo;
    close(echo.output);
    put(echo.input, "lost\n");
    close(echo.input);
    EXPECT_EQ(echo.error_line(), "echo: output: Broken pipe");
    EXPECT_EQ(read_all(echo.error), "");
    EXPECT_EQ(echo.status(), 1);
}

TEST(EchoProcess, shouldRefuseBadOptionsAndAddressesWithOneLine)
{
    Echo first({"--listen", "127.0.0.1:0"});
    std::string taken = address_of(first);
    for (const std::vector<std::string> &options :
         {std::vector<std::string>{"--frobnicate"}, {"--listen"}, {"--listen", "nowhere"},
          {"--listen", taken}, {"one", "two", "three"}}) {
        Echo echo(options);
        EXPECT_EQ(echo.status(), 2);
        std::string errors = read_all(echo.error);
        EXPECT_EQ(errors.find('\n'), errors.size() - 1) << errors;
    }
}

TEST(EchoProcess, shouldSayOneLineWhenAStandardStreamIsClosed)
{
    const char *messages[] = {"echo: input: Bad file descriptor",
                              "echo: output: Bad file descriptor"};
    for (int closed : {0, 1}) {
        Echo echo({}, -1, -1, closed);
        EXPECT_EQ(echo.echoed("lost\n"), "");
        EXPECT_EQ(read_all(echo.error), std::string(messages[closed]) + "\n");
        EXPECT_EQ(echo.status(), 1);
    }
    Echo echo({}, -1, -1, 2);
    EXPECT_EQ(echo.echoed("nothing to say\n"), "nothing to say\n");
    EXPECT_EQ(echo.status(), 0);
}

TEST(EchoProcess, shouldEndOnSignalsWhileItWaitsForInput)
{
    for (int signal : {SIGTERM, SIGINT}) {
        Echo echo;
        char line[4];
        put(echo.input, "abc\n");
        EXPECT_EQ(read(echo.output, line, 4), 4);
        kill(echo.process, signal);
        EXPECT_EQ(echo.status(), 0);
    }
}

TEST(EchoProcess, shouldEndOnASignalWhileInputNeverEnds)
{
    int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    Echo echo({}, zeros);
    EXPECT_NE(echo.error_line(), "") << "too long a line: it is at work";
    kill(echo.process, SIGTERM);
    EXPECT_EQ(echo.status(), 1);
    close(zeros);
}

TEST(EchoProcess, shouldServeManyConnectionsAndDeliverWhatIsInFlightOnASignal)
{
    Echo echo({"--listen", "127.0.0.1:0"});
    std::string address = address_of(echo), text(50000, 'z');
    text += "\r\nlast";
    std::vector<int> clients;
    for (int i = 0; i < 50; i++) {
        clients.push_back(connect_to(address));
        put(clients.back(), std::to_string(i) + "\n");
    }
    for (int i = 0; i < 50; i++) {
        std::string line = std::to_string(i) + "\n";
        char back[8] = {};
        EXPECT_EQ(recv(clients[i], back, line.size(), MSG_WAITALL), ssize_t(line.size()));
        EXPECT_EQ(back, line);
    }
    for (int client : clients)
        put(client, text.substr(0, 50002));
    kill(echo.process, SIGTERM);
    for (int client : clients)
        EXPECT_TRUE(read_all(client) == text.substr(0, 50002));
    EXPECT_EQ(echo.status(), 0);
}

TEST(EchoProcess, shouldAnswerALastLineThatComesWithItsEnd)
{
    Echo echo({"--listen", "127.0.0.1:0"});
    int client = connect_to(address_of(echo));
    put(client, "first\nlast");
    shutdown(client, SHUT_WR);
    EXPECT_EQ(read_all(client), "first\nlast");
    kill(echo.process, SIGTERM);
    EXPECT_EQ(echo.status(), 0);
}

TEST(EchoProcess, shouldLeaveTheFlagsOfItsStandardStreams)
{
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    int before = fcntl(ends[0], F_GETFL);
    Echo echo({}, ends[0], ends[0]);
    char line[4];
    put(ends[1], "abc\n");
    EXPECT_EQ(read(ends[1], line, 4), 4);
    EXPECT_EQ(fcntl(ends[0], F_GETFL), before);
    kill(echo.process, SIGKILL);
    EXPECT_EQ(echo.status(), 128 + SIGKILL);
    EXPECT_EQ(fcntl(ends[0], F_GETFL), before);
    close(ends[0]);
    close(ends[1]);
}

} // namespace

int main(int count, char **words)
{
    signal(SIGPIPE, SIG_IGN);      // of this process; the echo must not need it
    testing::InitGoogleTest(&count, words);
    return RUN_ALL_TESTS();
}
