# SPDX-License-Identifier: Apache-2.0
# Holds the library and the assembly's object (ELF) to what C never sees:
#   cmake -D CHECK=stack|pads|frames -D READELF=readelf -D OBJDUMP=objdump -D LIBRARY=libstrand.so
#         [-D OBJECT=context_*.o] -P objects.cmake
#   stack   neither has an executable stack
#   pads    both functions begin with a landing pad, and the object says so by its note
#   frames  both functions have unwind information, and the first frame's says that none is above it
cmake_minimum_required(VERSION 3.25)

function(read_of variable)
    execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    set(${variable} "${text}" PARENT_SCOPE)
endfunction()

function(expect text pattern why)
    if(NOT text MATCHES "${pattern}")
        message(FATAL_ERROR "${why}: no '${pattern}' in\n${text}")
    endif()
endfunction()

# pc=BEGIN..END as readelf writes it for a function of the library.
function(range_of variable function)
    read_of(symbols ${READELF} --symbols --wide ${LIBRARY})
    expect("${symbols}" " [0-9a-f]+ +[0-9]+ FUNC +LOCAL +[A-Z]+ +[0-9]+ ${function}\n" "symbol, local")
    string(REGEX MATCH " ([0-9a-f]+) +([0-9]+) FUNC [^\n]* ${function}\n" _ "${symbols}")
    math(EXPR end "0x${CMAKE_MATCH_1} + ${CMAKE_MATCH_2}" OUTPUT_FORMAT HEXADECIMAL)
    string(SUBSTRING "${end}" 2 -1 end)
    set(${variable} "pc=0*${CMAKE_MATCH_1}\\.\\.0*${end}\n" PARENT_SCOPE)
endfunction()

if(CHECK STREQUAL "stack")
    read_of(segments ${READELF} --program-headers --wide ${LIBRARY})
    expect("${segments}" "GNU_STACK [^\n]* RW  " "${LIBRARY}: the stack is not executable")
    if(OBJECT)
        read_of(sections ${READELF} --sections --wide ${OBJECT})
        expect("${sections}" "\\.note\\.GNU-stack +PROGBITS +0+ +[0-9a-f]+ 0+ 00 +0 " "${OBJECT}")
    endif()
elseif(CHECK STREQUAL "pads")
    read_of(notes ${READELF} --notes ${OBJECT})
    expect("${notes}" "x86 feature: IBT\n|AArch64 feature: BTI\n" "${OBJECT}: its note")
    foreach(function switch first)
        read_of(code ${OBJDUMP} --disassemble=strand_context_${function} ${LIBRARY})
        expect("${code}" "<strand_context_${function}>:\n[^\n]*(endbr64|bti\tc)" "landing pad")
    endforeach()
elseif(CHECK STREQUAL "frames")
    read_of(frames ${READELF} --debug-dump=frames --wide ${LIBRARY})
    range_of(switch strand_context_switch)
    expect("${frames}" "${switch}" "strand_context_switch: unwind information")
    range_of(first strand_context_first)
    expect("${frames}" "${first}( +DW_CFA_[^\n]*\n)* +DW_CFA_undefined: (r16|r30)" "the outermost frame")
else()
    message(FATAL_ERROR "no check '${CHECK}'")
endif()
