# SPDX-License-Identifier: Apache-2.0
# The target `reference`: the pages of strand.h, in BUILD/reference. It takes doxygen (script/setup
# docs) and fails where something public has no comment.
add_custom_target(reference
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${PROJECT_BINARY_DIR}/reference
    COMMAND ${CMAKE_COMMAND} -E env STRAND_VERSION=${PROJECT_VERSION}
        STRAND_REFERENCE=${PROJECT_BINARY_DIR}/reference doxygen docs/reference.doxyfile
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
