# SPDX-License-Identifier: Apache-2.0
# Configures with one choice of a loop and holds what CMake says against what it should.
#   cmake -D SOURCE=... -D WORK=... -D GENERATOR=... -D CHOICE=-DSTRAND_LOOP=... -D SAYS=... -P loop_choice.cmake
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${WORK})
execute_process(
    COMMAND ${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${WORK} -DSTRAND_JNI=OFF -DSTRAND_TESTS=OFF
            -DSTRAND_EXAMPLES=OFF -DSTRAND_KQUEUE=double ${CHOICE}
    OUTPUT_VARIABLE said ERROR_VARIABLE said)
file(REMOVE_RECURSE ${WORK})
string(REGEX REPLACE "[ \n]+" " " said "${said}")
string(FIND "${said}" "${SAYS}" place)
if(place EQUAL -1)
    message(FATAL_ERROR "not said: ${SAYS}\n${said}")
endif()
