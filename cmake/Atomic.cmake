# SPDX-License-Identifier: Apache-2.0
# STRAND_ATOMIC: the library for atomic bytes, where the machine has none and the compiler makes no
# code for them itself (GCC before 13 for riscv64); else empty.
include(CheckCSourceCompiles)
set(source "#include <stdatomic.h>
atomic_bool flag; int main(void) { return atomic_exchange(&flag, 1); }")
set(STRAND_ATOMIC "")
check_c_source_compiles("${source}" STRAND_HAS_ATOMIC_BYTES)
if(NOT STRAND_HAS_ATOMIC_BYTES)
    set(STRAND_ATOMIC atomic)
endif()
