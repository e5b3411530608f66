// SPDX-License-Identifier: Apache-2.0
// Children of tests end by _exit, and by the abort that they are about: gcov's counts, which are
// else written at exit, go out before. What dies of a signal loses its own.
extern "C" {

void __gcov_dump(void);
[[noreturn]] void __real__exit(int status);
[[noreturn]] void __real_abort(void);

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

} // extern "C"
