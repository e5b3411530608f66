# SPDX-License-Identifier: Apache-2.0
# STRAND_SANITIZE_FLAGS: for the compiler and the linker of everything in this build.
set(STRAND_SANITIZE_FLAGS "")
if(STRAND_SANITIZE)
    if(NOT STRAND_SANITIZE MATCHES "^(address|undefined|thread|address,undefined)$")
        message(FATAL_ERROR "STRAND_SANITIZE is address, undefined, thread or address,undefined, not '${STRAND_SANITIZE}'")
    endif()
    set(STRAND_SANITIZE_FLAGS -fsanitize=${STRAND_SANITIZE} -fno-sanitize-recover=all)
endif()
if(STRAND_FUZZ)      # what was run is counted in all of it; only a fuzz target links libFuzzer's main
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang" OR NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "STRAND_FUZZ needs clang: CMAKE_C_COMPILER=clang, CMAKE_CXX_COMPILER=clang++")
    endif()
    list(APPEND STRAND_SANITIZE_FLAGS -fsanitize=fuzzer-no-link)
endif()
