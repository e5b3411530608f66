// SPDX-License-Identifier: Apache-2.0
// Children of tests end by _exit, by the abort that they are about, or by a fault that the library
// hands back to the default: gcov's counts, which are else written at exit, go out before.
#include <csignal>

extern "C" {

void __gcov_dump(void);
void __gcov_reset(void);
[[noreturn]] void __real__exit(int status);
[[noreturn]] void __real_abort(void);
int __real_sigaction(int number, const struct sigaction *action, struct sigaction *before);

[[noreturn]] void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}

[[noreturn]] void __wrap_abort(void)
{
    __gcov_dump();
    __real_abort();
}

// It may also be the end of the last scheduler, and then there is more to count.
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
    if (action && action->sa_handler == SIG_DFL && (number == SIGSEGV || number == SIGBUS)) {
        __gcov_dump();
        __gcov_reset();
    }
    return __real_sigaction(number, action, before);
}

} // extern "C"
