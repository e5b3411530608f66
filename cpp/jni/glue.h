/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Java glue: natives of org.cemlang.strand.Native, one table a file, registered by load.c.
 *
 * A native converts its arguments, calls the core once, and converts the status. Handles (schedulers,
 * control blocks, streams, listeners) travel as jlong: a positive pointer, or a negative errno value
 * where there is none. Java keeps them only while what they name lives, and it is Java that throws
 * (Failure.java): nothing here does, but for what a JNI call leaves pending.
 *
 * Whose scheduler a caller holds: a strand names itself (`caller`, its control block), since a Java
 * thread need not stay on its OS thread; 0 is any other caller, and then the OS thread tells.
 */
#ifndef STRAND_JNI_GLUE_H
#define STRAND_JNI_GLUE_H

#include <jni.h>

#include "scheduler.h"

/* JNINativeMethod carries functions as void *, which ISO C does not know; POSIX does. */
#pragma GCC diagnostic ignored "-Wpedantic"

/* What a native answers when there is nothing more: no errno value. */
#define STRAND_JNI_END INT64_MIN

struct strand_jni_table {
    const JNINativeMethod *methods;
    int count;
};

extern const struct strand_jni_table strand_jni_scheduler_natives;
extern const struct strand_jni_table strand_jni_hosted_natives;
extern const struct strand_jni_table strand_jni_native_natives;
extern const struct strand_jni_table strand_jni_stream_natives;
extern const struct strand_jni_table strand_jni_listener_natives;

/* Looked up once, in load.c. */
struct strand_jni_cache {
    jfieldID line_buffer_bytes;
    jmethodID native_end_tell;
    JavaVM *vm;
};
extern struct strand_jni_cache strand_jni_cache;

static inline void *strand_jni_pointer(jlong handle)
{
    return (void *)(intptr_t)handle;
}

static inline jlong strand_jni_handle(int status, void *pointer)
{
    return status < 0 ? (jlong)status : (jlong)(intptr_t)pointer;
}

static inline strand_scheduler *strand_jni_held(jlong caller)
{
    struct strand *strand = strand_jni_pointer(caller);
    return strand ? strand->scheduler : strand_scheduler_held();
}

/* convert.c: Java bytes to C and back. */
/* The bytes of an array, cut to size - 1, with a final NUL. `array` may be NULL: empty. */
void strand_jni_copy_text(JNIEnv *env, jbyteArray array, char *to, size_t size);
/* NULL with an OutOfMemoryError pending. */
jbyteArray strand_jni_bytes(JNIEnv *env, const char *text, size_t length);

#endif
