# SPDX-License-Identifier: Apache-2.0
# STRAND_PORTABLE: the shared library as the jar carries it. The same bytes from any folder, without
# debug information; on Linux for glibc 2.31 and newer, whatever the glibc that it is built with. Not
# for the static library: a program linked statically has no old versions to ask for.
option(STRAND_PORTABLE "Build libstrand as the jar carries it" OFF)
set(STRAND_OLD_GLIBC OFF)
if(NOT STRAND_PORTABLE)
    return()
endif()

target_compile_options(strand_flags INTERFACE -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.
    -ffile-prefix-map=${PROJECT_BINARY_DIR}=build)
if(APPLE)
    return()
endif()
add_link_options(-Wl,--strip-debug)

include(CheckSymbolExists)
check_symbol_exists(__GLIBC__ features.h STRAND_HAS_GLIBC)
if(NOT STRAND_HAS_GLIBC)
    return()
endif()
# The oldest version of each symbol, by the machine that glibc came to at that version.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    set(versions -DSTRAND_GLIBC=2.2.5 -DSTRAND_GLIBC_SETCLOCK=2.3.3 -DSTRAND_GLIBC_SCANF=2.7)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(versions -DSTRAND_GLIBC=2.17 -DSTRAND_GLIBC_SETCLOCK=2.17 -DSTRAND_GLIBC_SCANF=2.17)
else()
    message(FATAL_ERROR "STRAND_PORTABLE: old_glibc_linux.h has no versions for ${CMAKE_SYSTEM_PROCESSOR}")
endif()
set(STRAND_OLD_GLIBC ON)
target_compile_options(strand_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${versions}>"
    "$<$<COMPILE_LANGUAGE:C>:SHELL:-include \"${PROJECT_SOURCE_DIR}/cpp/platform/old_glibc_linux.h\">")
# Where the threads were until 2.34; since then a library without anything in it.
add_link_options(-Wl,--push-state,--no-as-needed,-l:libpthread.so.0,--pop-state)
