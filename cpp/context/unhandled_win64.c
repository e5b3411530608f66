/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler of a context's first frame. Where a thread begins, Windows has one that calls the
 * process's filter for what nobody handled: the C++ runtime's, which then says "terminate called",
 * or a crash reporter's. A context begins elsewhere; without this the process would end in silence.
 */
#include <windows.h>

EXCEPTION_DISPOSITION strand_context_unhandled(EXCEPTION_RECORD *record, void *frame,
                                               CONTEXT *registers, void *dispatcher);

/* Found by the unwind information of strand_context_first; never called by C. */
EXCEPTION_DISPOSITION strand_context_unhandled(EXCEPTION_RECORD *record, void *frame,
                                               CONTEXT *registers, void *dispatcher)
{
    (void)frame, (void)dispatcher;
    EXCEPTION_POINTERS pointers = {record, registers};
    return UnhandledExceptionFilter(&pointers) == EXCEPTION_CONTINUE_EXECUTION
               ? ExceptionContinueExecution
               : ExceptionContinueSearch;
}
