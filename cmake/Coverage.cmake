# SPDX-License-Identifier: Apache-2.0
# STRAND_COVERAGE: the library's C code counts its branches for gcov, and strand_test_coverage has a
# test write the counts of children that end by _exit or abort as well.
option(STRAND_COVERAGE "Have the library count its branches, for script/test --coverage" OFF)
if(STRAND_COVERAGE)
    # Inlined code would be counted where it is not written.
    target_compile_options(strand_flags INTERFACE
        "$<$<COMPILE_LANGUAGE:C>:SHELL:--coverage -fprofile-update=atomic -fno-inline>")
    add_link_options(--coverage)
endif()

function(strand_test_coverage target)
    if(STRAND_COVERAGE)
        target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests-native/support/coverage.cpp)
        target_compile_definitions(${target} PRIVATE STRAND_TEST_COVERAGE=1)
        target_link_options(${target} PRIVATE LINKER:--wrap=_exit LINKER:--wrap=abort LINKER:--wrap=sigaction)
    endif()
endfunction()
