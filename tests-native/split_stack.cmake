# SPDX-License-Identifier: Apache-2.0
# split_stack_test, where the compiler has -fsplit-stack; sanitizers know nothing of such stacks.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS "-fsplit-stack")
check_cxx_source_compiles("
    extern \"C\" void __splitstack_getcontext(void **);
    int main() { void *words[10]; __splitstack_getcontext(words); return 0; }"
    STRAND_HAS_SPLIT_STACK)
set(CMAKE_REQUIRED_FLAGS "-fsplit-stack -fuse-ld=gold")
check_cxx_source_compiles("int main() { return 0; }" STRAND_HAS_GOLD)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT STRAND_HAS_SPLIT_STACK OR STRAND_SANITIZE
        OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    return()
endif()

set_source_files_properties(split_stack_frames.cpp PROPERTIES COMPILE_OPTIONS -fsplit-stack)
foreach(linkage static shared)
    set(test split_stack_${linkage}_test)
    add_executable(${test} split_stack_test.cpp split_stack_frames.cpp)
    target_link_options(${test} PRIVATE -fsplit-stack)
    target_include_directories(${test} PRIVATE support)
    target_link_libraries(${test} PRIVATE strand_flags GTest::gtest GTest::gtest_main)
    gtest_discover_tests(${test}
        TEST_PREFIX split_stack_${linkage}.
        DISCOVERY_TIMEOUT 60
        PROPERTIES LABELS machine TIMEOUT 120)
    add_dependencies(machine_tests ${test})
endforeach()
target_link_libraries(split_stack_static_test PRIVATE strand_static)
target_link_libraries(split_stack_shared_test PRIVATE strand)
if(STRAND_HAS_GOLD)
    target_link_options(split_stack_shared_test PRIVATE -fuse-ld=gold)
    target_compile_definitions(split_stack_shared_test PRIVATE STRAND_TEST_GOLD=1)
endif()
