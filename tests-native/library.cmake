# SPDX-License-Identifier: Apache-2.0
# How libstrand.so was linked, as readelf shows it:
#
#   cmake -D READELF=... -D LIBRARY=... -D CHECK=bound|relocations -P library.cmake
function(read out)
    execute_process(COMMAND ${READELF} ${ARGN} -W ${LIBRARY}
        OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    if(text STREQUAL "")
        message(FATAL_ERROR "readelf ${ARGN} shows nothing of ${LIBRARY}")
    endif()
    set(${out} "${text}" PARENT_SCOPE)
endfunction()

function(must text has pattern)
    if((has AND NOT text MATCHES "${pattern}") OR (NOT has AND text MATCHES "${pattern}"))
        message(FATAL_ERROR "${LIBRARY}: '${pattern}' should stand there: ${has}\n${text}")
    endif()
endfunction()

if(CHECK STREQUAL "bound")
    # All symbols at load, then their table read-only: a first call on a strand's small stack must
    # not run the resolver, which keeps 3 KiB of vector registers there.
    read(dynamic -d)
    read(segments -l)
    must("${dynamic}" ON "BIND_NOW|Flags:[^\n]* NOW")
    must("${segments}" ON "GNU_RELRO")
elseif(CHECK STREQUAL "relocations")
    read(dynamic -d)
    must("${dynamic}" ON "SONAME")
    must("${dynamic}" OFF "TEXTREL")
    must("${dynamic}" OFF "RPATH|RUNPATH")
else()
    message(FATAL_ERROR "no check '${CHECK}'")
endif()
