# SPDX-License-Identifier: Apache-2.0
# Holds what the library's objects ask of others to two lists: what failure_test can refuse
# (SEAM), and below what cannot fail, or does nothing where it does.
#   cmake -D NM=nm -D SEAM=malloc,calloc,... -D OBJECTS=a.o,b.o,... -P failing_calls.cmake
cmake_minimum_required(VERSION 3.25)

set(harmless
    # memory and text, on nothing but their arguments
    memchr memcpy memmove memset strchr strlen strncat strncmp strnlen strrchr strtoul snprintf
    vsnprintf inet_ntop inet_pton if_nametoindex __stack_chk_fail __isoc99_fscanf __isoc23_fscanf
    __isoc23_strtoul
    # gives things back
    close fclose freeaddrinfo unlink
    # a failure means the default, or nothing: a setting that is not read, a terminal that is not one
    fopen ioctl isatty sysconf clock_gettime sched_yield
    # fail on wrong arguments only
    pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate pthread_attr_setstacksize
    pthread_cond_broadcast pthread_cond_destroy pthread_cond_init pthread_cond_timedwait
    pthread_cond_wait pthread_condattr_destroy pthread_condattr_init pthread_condattr_setclock
    pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock pthread_once
    pthread_sigmask sigaction sigaltstack sigfillset sigismember
    # a fork's handler that cannot be registered leaves children unrecognised
    pthread_atfork
    # their only failures are an interruption, and what a bug of ours would make: stream_fault_test
    epoll_wait
    # finds frames or none
    backtrace
    # end the process
    _exit abort raise)

string(REPLACE "," ";" seam "${SEAM}")
string(REPLACE "," ";" objects "${OBJECTS}")
execute_process(COMMAND ${NM} -P -u ${objects} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n ]+ [Uw]" asked "${symbols}")
list(TRANSFORM asked REPLACE " .*" "")
list(REMOVE_DUPLICATES asked)
list(FILTER asked EXCLUDE REGEX "^strand_|^__splitstack_|^_GLOBAL_OFFSET_TABLE_$|^__errno_location$|^__tls_get_addr$")
set(unknown ${asked})
list(REMOVE_ITEM unknown ${seam} ${harmless})
set(unused ${seam})
list(REMOVE_ITEM unused ${asked})
if(unknown OR unused OR NOT asked)
    message(FATAL_ERROR "calls that no test can refuse: [${unknown}]; "
        "that can be refused and are not made: [${unused}]")
endif()
list(LENGTH asked count)
message("${count} functions are asked for, all of them known")
