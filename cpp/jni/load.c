/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading: looks up what the natives need, registers them, and undoes both in reverse. No Java_...
 * name is exported, so that a class of another version cannot bind by accident.
 */
#include <stddef.h>

#include "glue.h"
#include "table.h"

#define PACKAGE "org/cemlang/strand/"

struct strand_jni_cache strand_jni_cache;

static const struct strand_jni_table *const tables[] = {
    &strand_jni_scheduler_natives,
    &strand_jni_hosted_natives,
    &strand_jni_native_natives,
    &strand_jni_stream_natives,
    &strand_jni_listener_natives,
};

static int find_line_buffer(JNIEnv *env)
{
    jclass line_buffer = (*env)->FindClass(env, PACKAGE "LineBuffer");
    if (!line_buffer)
        return -1;
    strand_jni_cache.line_buffer_bytes = (*env)->GetFieldID(env, line_buffer, "bytes", "[B");
    (*env)->DeleteLocalRef(env, line_buffer);
    return strand_jni_cache.line_buffer_bytes ? 0 : -1;
}

static int find_native_end(JNIEnv *env)
{
    jclass native_end = (*env)->FindClass(env, PACKAGE "NativeEnd");
    if (!native_end)
        return -1;
    strand_jni_cache.native_end_tell = (*env)->GetMethodID(env, native_end, "tell", "()V");
    (*env)->DeleteLocalRef(env, native_end);
    return strand_jni_cache.native_end_tell ? 0 : -1;
}

static int register_natives(JNIEnv *env)
{
    jclass natives = (*env)->FindClass(env, PACKAGE "Native");
    if (!natives)
        return -1;
    jint status = JNI_OK;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && status == JNI_OK; i++)
        status = (*env)->RegisterNatives(env, natives, tables[i]->methods, tables[i]->count);
    (*env)->DeleteLocalRef(env, natives);
    return status == JNI_OK ? 0 : -1;
}

/*
 * On failure an exception is pending that names what is missing; the JVM throws it at the loader.
 * No global reference to a class of ours is kept: it would keep the class loader, and this library.
 */
JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved)
{
    (void)reserved;
    JNIEnv *env;
    if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK)
        return JNI_ERR;
    strand_jni_cache.vm = vm;
    bool found = find_line_buffer(env) == 0 && find_native_end(env) == 0;
    return found && register_natives(env) == 0 ? JNI_VERSION_1_8 : JNI_ERR;
}

/* The class loader is gone; none of its schedulers is left, for each would have kept it. */
JNIEXPORT void JNICALL JNI_OnUnload(JavaVM *vm, void *reserved)
{
    (void)vm, (void)reserved;
    strand_table_unload();
}
