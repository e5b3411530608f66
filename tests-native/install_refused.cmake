# SPDX-License-Identifier: Apache-2.0
# cmake -D BUILD=folder -D PREFIX=folder -P install_refused.cmake: that build says why it is not
# installed, and is not.
file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX}
    RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE complained)
if(status EQUAL 0)
    message(FATAL_ERROR "it was installed:\n${said}")
endif()
if(NOT complained MATCHES "strand: not installed: this build")
    message(FATAL_ERROR "it does not say why:\n${complained}")
endif()
if(EXISTS ${PREFIX})
    message(FATAL_ERROR "it was refused, and something is in ${PREFIX}")
endif()
