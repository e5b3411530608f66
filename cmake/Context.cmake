# SPDX-License-Identifier: Apache-2.0
# Chooses the context switch for the machine that is built for: STRAND_CONTEXT_KIND is asm or
# ucontext, STRAND_CONTEXT_ASM its files. Other machines have ucontext; Windows does not.
set(STRAND_CONTEXT_ASM "")
set(machine "${CMAKE_SYSTEM_PROCESSOR}")
if(APPLE AND CMAKE_OSX_ARCHITECTURES)
    set(machine "${CMAKE_OSX_ARCHITECTURES}")   # several at once have no assembly
endif()
if(CMAKE_SIZEOF_VOID_P EQUAL 8)                 # neither x32 nor ILP32
    if(machine MATCHES "^(x86_64|AMD64|amd64)$" AND UNIX)
        set(STRAND_CONTEXT_ASM ${PROJECT_SOURCE_DIR}/asm/context_x86_64_sysv.S)
    elseif(machine MATCHES "^(x86_64|AMD64|amd64)$" AND MINGW)
        set(STRAND_CONTEXT_ASM ${PROJECT_SOURCE_DIR}/asm/context_x86_64_win64.S
            ${PROJECT_SOURCE_DIR}/cpp/context/unhandled_win64.c)
    elseif(machine MATCHES "^(aarch64|arm64)$" AND UNIX)
        set(STRAND_CONTEXT_ASM ${PROJECT_SOURCE_DIR}/asm/context_aarch64.S)
    endif()
endif()
set(where "${machine} on ${CMAKE_SYSTEM_NAME}")

if(NOT STRAND_CONTEXT MATCHES "^(detect|asm|ucontext)$")
    message(FATAL_ERROR "STRAND_CONTEXT is asm, ucontext or detect, not '${STRAND_CONTEXT}'")
elseif(STRAND_CONTEXT STREQUAL "asm" AND NOT STRAND_CONTEXT_ASM)
    message(FATAL_ERROR "STRAND_CONTEXT=asm: no assembly for ${where}; use ucontext")
elseif(STRAND_CONTEXT_ASM AND NOT STRAND_CONTEXT STREQUAL "ucontext")
    set(STRAND_CONTEXT_KIND asm)
elseif(WIN32)
    message(FATAL_ERROR "no context switch for ${where}: x86_64 with MinGW's compiler has one")
else()
    set(STRAND_CONTEXT_KIND ucontext)
endif()
message(STATUS "strand: context ${STRAND_CONTEXT_KIND} for ${where}")
