// SPDX-License-Identifier: Apache-2.0
// Children of tests end by _exit, by the abort that they are about, or by a fault that the library
// hands back to the default: gcov's counts, which are else written at exit, go out before.
#include <csignal>

extern "C" {

void __gcov_dump(void);
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

// In the handler, on the stack that it has of its own; elsewhere nothing dies of it.
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
    stack_t now{};
    if (action && action->sa_handler == SIG_DFL && (number == SIGSEGV || number == SIGBUS) &&
        sigaltstack(nullptr, &now) == 0 && (now.ss_flags & SS_ONSTACK))
        __gcov_dump();
    return __real_sigaction(number, action, before);
}

} // extern "C"
