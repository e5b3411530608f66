# SPDX-License-Identifier: Apache-2.0
# GTest::gtest and GTest::gtest_main for the machine that is built for: those installed, or else
# made from the source that Debian's package googletest leaves (STRAND_GOOGLETEST names another).
set(STRAND_GOOGLETEST /usr/src/googletest/googletest CACHE PATH "GoogleTest's source, where it is not installed")

find_package(GTest QUIET)
if(NOT GTest_FOUND)
    if(NOT EXISTS ${STRAND_GOOGLETEST}/CMakeLists.txt)
        message(FATAL_ERROR "GoogleTest is neither installed for ${CMAKE_SYSTEM_PROCESSOR} nor at "
            "${STRAND_GOOGLETEST}; install it, name its source by STRAND_GOOGLETEST, or set STRAND_TESTS=OFF")
    endif()
    set(INSTALL_GTEST OFF)
    add_subdirectory(${STRAND_GOOGLETEST} ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
endif()
