# SPDX-License-Identifier: Apache-2.0
# STRAND_SOVERSION, and STRAND_COMPATIBILITY, which says the same to find_package. A program runs on
# every library with the soname that it was linked with. By semantic versioning a minor version of
# 0.x may break what was there, so the soname holds it until 1.0: libstrand.so.0.1, then
# libstrand.so.1. (The bare "0" would let a program start on a library that lacks what it calls.)
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(STRAND_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    set(STRAND_COMPATIBILITY SameMinorVersion)
else()
    set(STRAND_SOVERSION ${PROJECT_VERSION_MAJOR})
    set(STRAND_COMPATIBILITY SameMajorVersion)
endif()
