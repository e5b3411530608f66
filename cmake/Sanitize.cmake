# SPDX-License-Identifier: Apache-2.0
# STRAND_SANITIZE_FLAGS: for the compiler and the linker of everything in this build.
set(STRAND_SANITIZE_FLAGS "")
if(STRAND_SANITIZE)
    if(NOT STRAND_SANITIZE MATCHES "^(address|undefined|thread|address,undefined)$")
        message(FATAL_ERROR "STRAND_SANITIZE is address, undefined, thread or address,undefined, not '${STRAND_SANITIZE}'")
    endif()
    set(STRAND_SANITIZE_FLAGS -fsanitize=${STRAND_SANITIZE} -fno-sanitize-recover=all)
endif()
