// SPDX-License-Identifier: Apache-2.0
// Names of hosts: cpp/platform/lookup and cpp/io/resolve through the public header, with a name
// service of the test's own in libc's place.
#include "stream_fixture.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

namespace {

struct NameService {
    std::mutex lock;
    std::condition_variable changed;
    bool open = true;                       // else those who ask wait
    int error = 0;                          // what it says
    std::vector<std::string> addresses;     // IPv4
    int asked = 0, asking = 0, most_asking = 0, answers = 0;
    bool on_carrier = false, takes_signals = false;
    std::thread::id carrier;
    bool real = false;
};
NameService names;

addrinfo *list_of(const std::vector<std::string> &addresses, uint16_t port)
{
    addrinfo *first = nullptr, **last = &first;
    for (const std::string &address : addresses) {
        auto *in = new sockaddr_in{};
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        inet_pton(AF_INET, address.c_str(), &in->sin_addr);
        *last = new addrinfo{};
        (*last)->ai_family = AF_INET;
        (*last)->ai_addr = reinterpret_cast<sockaddr *>(in);
        (*last)->ai_addrlen = sizeof *in;
        last = &(*last)->ai_next;
    }
    return first;
}

} // namespace

extern "C" int getaddrinfo(const char *host, const char *port, const addrinfo *wanted,
                           addrinfo **out)
{
    std::unique_lock<std::mutex> locked(names.lock);
    if (names.real) {
        auto next = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
        return next(host, port, wanted, out);
    }
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    names.takes_signals |= !sigismember(&blocked, SIGTERM);
    names.on_carrier |= std::this_thread::get_id() == names.carrier;
    names.asked++;
    names.asking++;
    names.most_asking = std::max(names.most_asking, names.asking);
    names.changed.notify_all();
    names.changed.wait(locked, [] { return names.open; });
    names.asking--;
    names.changed.notify_all();
    if (names.error) {
        errno = EMFILE;
        return names.error;
    }
    *out = list_of(names.addresses, static_cast<uint16_t>(std::stoi(port)));
    names.answers += *out != nullptr;
    return *out ? 0 : EAI_NONAME;
}

extern "C" void freeaddrinfo(addrinfo *list)
{
    std::unique_lock<std::mutex> locked(names.lock);
    if (names.real) {
        reinterpret_cast<decltype(&freeaddrinfo)>(dlsym(RTLD_NEXT, "freeaddrinfo"))(list);
        return;
    }
    names.answers--;
    names.changed.notify_all();
    while (list) {
        addrinfo *next = list->ai_next;
        delete reinterpret_cast<sockaddr_in *>(list->ai_addr);
        delete list;
        list = next;
    }
}

namespace {

class Lookup : public StreamTest {
protected:
    void SetUp() override
    {
        StreamTest::SetUp();
        names.open = true;
        names.real = names.on_carrier = names.takes_signals = false;
        names.error = names.asked = names.most_asking = 0;
        names.addresses = {"127.0.0.1"};
        names.carrier = std::this_thread::get_id();
    }

    void TearDown() override
    {
        StreamTest::TearDown();
        open_service();
        std::unique_lock<std::mutex> locked(names.lock);
        names.changed.wait(locked, [] { return names.asking == 0 && names.answers == 0; });
        EXPECT_FALSE(names.on_carrier);
        EXPECT_FALSE(names.takes_signals);
    }

    static void close_service()
    {
        std::unique_lock<std::mutex> locked(names.lock);
        names.open = false;
    }

    static void open_service()
    {
        std::unique_lock<std::mutex> locked(names.lock);
        names.open = true;
        names.changed.notify_all();
    }

    // In a strand: until so many ask at once.
    static void await_asking(int count)
    {
        std::unique_lock<std::mutex> locked(names.lock);
        names.changed.wait(locked, [count] { return names.asking >= count; });
    }

    static strand_listener *listen_on(const char *address)
    {
        strand_listener *listener = nullptr;
        EXPECT_EQ(strand_listen(address, 0, &listener), 0);
        return listener;
    }

    static std::string name_of(strand_listener *listener)
    {
        char text[128] = "";
        EXPECT_EQ(strand_listener_address(listener, text, sizeof text), 0);
        return text;
    }

    static std::string port_of(strand_listener *listener)
    {
        std::string name = name_of(listener);
        return name.substr(name.rfind(':'));
    }

    static int connect_to(const std::string &address, int64_t deadline_ns = STRAND_FOREVER)
    {
        strand_stream *stream = nullptr;
        int status = strand_connect(address.c_str(), deadline_ns, &stream);
        if (status == 0)
            strand_close(stream);
        return status;
    }
};

TEST_F(Lookup, shouldLetOthersRunWhileANameIsLookedUp)
{
    close_service();
    spawn([&] {
        strand_listener *listener = listen_on("127.0.0.1:0");
        order += 'l';
        EXPECT_EQ(connect_to("some-host.example" + port_of(listener)), 0);
        order += 'c';
        strand_listener_close(listener);
    });
    spawn([&] {
        order += 'o';
        await_asking(1);
        open_service();
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(order, "loc");
}

TEST_F(Lookup, shouldTryOneAddressAfterTheOther)
{
    spawn([&] {
        strand_listener *listener = listen_on("127.0.0.1:0");
        std::string name = "a.example" + port_of(listener);
        names.addresses = {"127.0.0.2", "127.0.0.3", "127.0.0.1"};
        EXPECT_EQ(connect_to(name), 0);
        names.addresses = {"127.0.0.1", "127.0.0.2"};
        EXPECT_EQ(connect_to(name), 0);
        names.addresses = {"127.0.0.2", "127.0.0.3"};
        EXPECT_EQ(connect_to(name), -ECONNREFUSED);
        EXPECT_EQ(connect_to(name, strand_now_ns() + 10000 * MS), -ECONNREFUSED);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
}

// Nobody accepts there and the queue is full: the kernel drops what more comes, without an answer.
class Deaf {
public:
    Deaf(const char *address, const std::string &port)
    {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(static_cast<uint16_t>(std::stoi(port.substr(1))));
        inet_pton(AF_INET, address, &in.sin_addr);
        auto *any = reinterpret_cast<sockaddr *>(&in);
        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(bind(listener, any, sizeof in), 0);
        EXPECT_EQ(listen(listener, 0), 0);
        EXPECT_EQ(connect(client, any, sizeof in), 0);
        pollfd one = {listener, POLLIN, 0};
        EXPECT_EQ(poll(&one, 1, 10000), 1);
    }

    ~Deaf()
    {
        close(client);
        close(listener);
    }

private:
    int listener, client;
};

TEST_F(Lookup, shouldLeaveTheNextAddressItsShareOfTheTimeWhenOneDoesNotAnswer)
{
    names.addresses = {"127.0.0.2", "127.0.0.1"};
    spawn([&] {
        strand_listener *listener = listen_on("127.0.0.1:0");
        Deaf deaf("127.0.0.2", port_of(listener));
        int64_t begun = strand_now_ns();
        EXPECT_EQ(connect_to("a.example" + port_of(listener), begun + 2000 * MS), 0);
        EXPECT_GE(strand_now_ns() - begun, 250 * MS) << "the first one has answered";
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Lookup, shouldGiveNoAddressLessTimeThanAnAnswerMayTake)
{
    names.addresses = {"127.0.0.2", "127.0.0.2", "127.0.0.1"};
    spawn([&] {
        strand_listener *listener = listen_on("127.0.0.1:0");
        Deaf deaf("127.0.0.2", port_of(listener));
        int64_t deadline = strand_now_ns() + 400 * MS;
        EXPECT_EQ(connect_to("a.example" + port_of(listener), deadline), -ETIMEDOUT);
        EXPECT_GE(strand_now_ns(), deadline);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Lookup, shouldMeetACancelOnAnAddressThatDoesNotAnswer)
{
    auto somebody_waits_for = [this](const std::string &reason) {
        int ends[2];
        char text[4096];
        EXPECT_EQ(pipe(ends), 0);
        strand_scheduler_dump(scheduler, ends[1]);
        ssize_t length = read(ends[0], text, sizeof text);
        close(ends[0]);
        close(ends[1]);
        return length > 0 && std::string(text, length).find(reason) != std::string::npos;
    };
    names.addresses = {"127.0.0.2", "127.0.0.1"};
    strand_id connecting = 0;
    spawn([&] {
        strand_listener *listener = listen_on("127.0.0.1:0");
        Deaf deaf("127.0.0.2", port_of(listener));
        connecting = spawn([&] {
            EXPECT_EQ(connect_to("a.example" + port_of(listener), strand_now_ns() + 600000 * MS),
                      -ECANCELED);
        });
        while (!somebody_waits_for("a connection"))
            strand_yield();
        EXPECT_EQ(strand_cancel(connecting), 0);
        EXPECT_EQ(strand_join(connecting, STRAND_FOREVER, nullptr), 0);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Lookup, shouldListenOnTheFirstAddressThatLetsIt)
{
    names.addresses = {"192.0.2.1", "127.0.0.3", "127.0.0.1"};
    spawn([&] {
        strand_listener *listener = listen_on("a.example:0"), *other = nullptr;
        EXPECT_EQ(name_of(listener).substr(0, 10), "127.0.0.3:");
        strand_listener_close(listener);
        names.addresses = {"192.0.2.1"};
        EXPECT_EQ(strand_listen("a.example:0", 0, &other), -EADDRNOTAVAIL);
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Lookup, shouldEndAtTheDeadlineAndOnCancelWhileNobodyAnswers)
{
    close_service();
    strand_id ids[3];
    ids[0] = spawn([&] { EXPECT_EQ(connect_to("a.example:1", strand_now_ns() + MS), -ETIMEDOUT); });
    ids[1] = spawn([&] { EXPECT_EQ(connect_to("a.example:1"), -ECANCELED); });
    ids[2] = spawn([&] {
        strand_listener *listener = nullptr;
        EXPECT_EQ(strand_listen("a.example:0", 0, &listener), -ECANCELED);
    });
    spawn([&] {
        EXPECT_EQ(connect_to("a.example:1", 0), -ETIMEDOUT);
        await_asking(3);
        strand_cancel(ids[1]);
        strand_cancel(ids[2]);
        for (strand_id id : ids)
            EXPECT_EQ(strand_join(id, STRAND_FOREVER, nullptr), 0);
        EXPECT_GE(names.asking, 3) << "nobody has answered";
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Lookup, shouldNotWaitForAnAnswerAtShutdown)
{
    close_service();
    spawn([&] { EXPECT_EQ(connect_to("a.example:1"), -ECANCELED); });
    spawn([&] {
        await_asking(1);
        strand_scheduler_stop(nullptr);
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(strand_scheduler_shutdown(scheduler), 0);
    scheduler = nullptr;
    EXPECT_EQ(names.asking, 1);
}

TEST_F(Lookup, shouldSayWhyANameHasNoAddress)
{
    struct {
        int error, status;
    } table[] = {{EAI_NONAME, -ENXIO}, {EAI_AGAIN, -ENETUNREACH}, {EAI_FAIL, -EIO},
                 {EAI_MEMORY, -ENOMEM}, {EAI_SYSTEM, -EMFILE}, {EAI_FAMILY, -ENXIO}};
    spawn([&] {
        for (auto &row : table) {
            strand_listener *listener = nullptr;
            names.error = row.error;
            EXPECT_EQ(connect_to("a.example:1"), row.status);
            EXPECT_EQ(strand_listen("a.example:1", 0, &listener), row.status);
        }
    });
    EXPECT_EQ(run(), 0);
}

TEST_F(Lookup, shouldAskForAFewAtATimeAndNotForWhatNobodyWantsAnyMore)
{
    close_service();
    constexpr int count = 100, threads = 16;
    std::vector<strand_id> ids;
    int refused = 0, cancelled = 0;
    for (int i = 0; i < count; i++)
        ids.push_back(spawn([&] {
            int status = connect_to("a.example:1");
            refused += status == -ECONNREFUSED;
            cancelled += status == -ECANCELED;
        }));
    spawn([&] {
        await_asking(threads);
        for (int i = count / 2; i < count; i++)
            strand_cancel(ids[static_cast<size_t>(i)]);
        for (int i = count / 2; i < count; i++)
            strand_join(ids[static_cast<size_t>(i)], STRAND_FOREVER, nullptr);
        open_service();
    });
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(refused, count / 2);
    EXPECT_EQ(cancelled, count / 2);
    EXPECT_EQ(names.asked, count / 2);
    EXPECT_EQ(names.most_asking, threads);
}

TEST_F(Lookup, shouldKnowThisHostByTheSystemsOwnService)
{
    names.real = true;
    spawn([&] {
        strand_listener *listener = listen_on("localhost:0");
        EXPECT_EQ(connect_to("localhost" + port_of(listener), strand_now_ns() + 30000 * MS), 0);
        strand_listener_close(listener);
    });
    EXPECT_EQ(run(), 0);
}

} // namespace
