# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts under a prefix that may be moved afterwards: the header, both
# libraries, strandConfig.cmake (strand::strand, strand::strand_static), strand.pc, and the reference
# if it was made. Components: strand-runtime is what a program needs, strand-development the rest.
if(NOT STRAND_INSTALL)
    return()
endif()

# What only this build can use is not installed, and says so.
set(STRAND_INSTALL_REFUSAL "")
if(WIN32)
    set(STRAND_INSTALL_REFUSAL "on Windows there is only the context switch")
elseif(STRAND_OLD_GLIBC)
    set(STRAND_INSTALL_REFUSAL "this build has STRAND_PORTABLE, whose static library no program can be linked with")
elseif(STRAND_SANITIZE)
    set(STRAND_INSTALL_REFUSAL "this build has STRAND_SANITIZE=${STRAND_SANITIZE}, which its users would need too")
elseif(STRAND_KQUEUE_LIBRARY)
    get_target_property(imported ${STRAND_KQUEUE_LIBRARY} IMPORTED)
    if(NOT imported)
        set(STRAND_INSTALL_REFUSAL "this build stands on the tests' double of kqueue")
    endif()
endif()
if(STRAND_INSTALL_REFUSAL)
    install(CODE "message(FATAL_ERROR \"strand: not installed: ${STRAND_INSTALL_REFUSAL}\")"
        ALL_COMPONENTS)
    return()
endif()

include(CMakePackageConfigHelpers)
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/strand)
set(generated ${PROJECT_BINARY_DIR}/package)

# Built with the Java glue or without: to a C program it is the same library. The glue adds two
# exported names that only a JVM looks for, and nothing that has to be linked. The JVM loads it by
# its bare name, which otherwise only linkers need.
set(namelink strand-development)
if(STRAND_JNI)
    set(namelink strand-runtime)
endif()
install(TARGETS strand strand_static EXPORT strandTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT strand-runtime NAMELINK_COMPONENT ${namelink}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT strand-development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/strand DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT strand-development FILES_MATCHING PATTERN "*.h")

# ---- For CMake ----------------------------------------------------------------------------------

install(EXPORT strandTargets NAMESPACE strand:: DESTINATION ${config_folder}
    COMPONENT strand-development)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/strandConfig.cmake.in
    ${generated}/strandConfig.cmake INSTALL_DESTINATION ${config_folder}
    NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${generated}/strandConfigVersion.cmake
    COMPATIBILITY ${STRAND_COMPATIBILITY})
install(FILES ${generated}/strandConfig.cmake ${generated}/strandConfigVersion.cmake
    DESTINATION ${config_folder} COMPONENT strand-development)

# ---- For pkg-config -----------------------------------------------------------------------------

# Paths from where strand.pc itself lies, but for a folder that was named absolutely.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    set(pc_prefix ${CMAKE_INSTALL_PREFIX})
    set(pc_libdir ${CMAKE_INSTALL_LIBDIR})
else()
    file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" up ${up})
    set(pc_prefix "\${pcfiledir}/${up}")
    set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
    set(pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
else()
    set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
# What the static library needs and does not hold.
set(pc_private -pthread)
if(STRAND_ATOMIC)
    list(APPEND pc_private -l${STRAND_ATOMIC})
endif()
if(STRAND_KQUEUE_LIBRARY)
    list(APPEND pc_private -lkqueue)
endif()
list(JOIN pc_private " " pc_private)
configure_file(${PROJECT_SOURCE_DIR}/cmake/strand.pc.in ${generated}/strand.pc @ONLY)
install(FILES ${generated}/strand.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT strand-development)

# ---- For people ---------------------------------------------------------------------------------

foreach(component strand-runtime strand-development)   # each may be installed alone
    install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}
        COMPONENT ${component})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
    DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT strand-development)
install(DIRECTORY ${PROJECT_BINARY_DIR}/reference/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/html
    COMPONENT strand-development OPTIONAL)
