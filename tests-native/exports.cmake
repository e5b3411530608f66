# SPDX-License-Identifier: Apache-2.0
# Holds a built libstrand.so, and the public header, to the list of what the library exports.
#   cmake -D NM=nm -D LIBRARY=libstrand.so -D HEADER=strand.h -D LIST=exported-symbols.txt -D JNI=ON
#         -P exports.cmake
cmake_minimum_required(VERSION 3.25)

file(STRINGS ${LIST} listed REGEX "^[^#]")
file(READ ${HEADER} header)
string(REGEX MATCHALL "STRAND_API[^;#]*[ *]strand_[a-z0-9_]+\\(" declared "${header}")
list(TRANSFORM declared REPLACE ".*[ *](strand_[a-z0-9_]+)\\($" "\\1")
list(SORT declared)
if(NOT declared STREQUAL listed)
    set(only_declared ${declared})
    list(REMOVE_ITEM only_declared ${listed})
    set(only_listed ${listed})
    list(REMOVE_ITEM only_listed ${declared})
    message(FATAL_ERROR "${LIST} is not the sorted list of what ${HEADER} declares STRAND_API:"
        " declared alone [${only_declared}], listed alone [${only_listed}]")
endif()
if(JNI)
    list(APPEND listed JNI_OnLoad JNI_OnUnload)
endif()
execute_process(COMMAND ${NM} -D -P --defined-only ${LIBRARY}
    OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" exported "${symbols}")
list(TRANSFORM exported REPLACE "[@ ].*" "")
list(REMOVE_ITEM exported _init _fini _edata _end __bss_start)   # some linkers' own

set(gone ${listed})
list(REMOVE_ITEM gone ${exported})
set(new ${exported})
list(REMOVE_ITEM new ${listed})
foreach(symbol IN LISTS gone)
    message("${symbol} is listed and not exported: programs linked to it would not start. Put it back"
        " (STRAND_API in strand.h); take it off the list only with a new soname.")
endforeach()
foreach(symbol IN LISTS new)
    message("${symbol} is exported and not listed: add it to the list when it is meant for everybody,"
        " else take its visibility away.")
endforeach()
list(LENGTH listed count)
if(gone OR new OR count EQUAL 0)
    message(FATAL_ERROR "the library does not export what ${LIST} says")
endif()
message("${count} symbols, as listed")
