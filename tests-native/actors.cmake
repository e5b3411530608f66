# SPDX-License-Identifier: Apache-2.0
# Runs examples/actors and holds it to its sum, and to its refusals.
#   cmake -D ACTORS=examples/actors -D COUNT=500000 -P actors.cmake
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${EMULATOR} ${ACTORS} ${COUNT} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE error)
# AddressSanitizer's notice of swapcontext is none of ours.
string(REGEX REPLACE "==[0-9]+==WARNING: ASan doesn't fully support[^\n]*\n" "" error "${error}")
math(EXPR sum "${COUNT} * (${COUNT} + 1) / 2")
if(status EQUAL 1 AND error MATCHES "vm.max_map_count")
    message("skipped: without lightweight guards there are no ${COUNT} stacks: ${error}")
    return()
endif()
if(NOT status EQUAL 0 OR NOT said MATCHES "^${COUNT} actors, sum ${sum}, in [0-9]+ ms\n$" OR NOT error STREQUAL "")
    message(FATAL_ERROR "actors ${COUNT}: status ${status}: ${said}${error}")
endif()
message("${said}")

foreach(words "0" "-1" "x" "1x" "99999999999999999999" "1;2")
    execute_process(COMMAND ${EMULATOR} ${ACTORS} ${words} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE error)
    if(NOT status EQUAL 2 OR NOT said STREQUAL "" OR NOT error MATCHES "^usage: [^\n]*\n$")
        message(FATAL_ERROR "actors ${words}: status ${status}: ${said}${error}")
    endif()
endforeach()
