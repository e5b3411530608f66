/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading: looks up what the natives need, registers them, and undoes both in reverse. No Java_...
 * name is exported, so that a class of another version cannot bind by accident.
 */
#include <stddef.h>

#include "glue.h"

#define PACKAGE "org/cemlang/strand/"

struct strand_jni_cache strand_jni_cache;

static const struct strand_jni_table *const tables[] = {
    &strand_jni_scheduler_natives,
    &strand_jni_hosted_natives,
    &strand_jni_native_natives,
    &strand_jni_stream_natives,
    &strand_jni_listener_natives,
};

static jclass find_global(JNIEnv *env, const char *name)
{
    jclass local = (*env)->FindClass(env, name);
    if (!local)
        return NULL;
    jclass global = (*env)->NewGlobalRef(env, local);
    (*env)->DeleteLocalRef(env, local);
    return global;
}

static void drop_global(JNIEnv *env, jclass *global)
{
    if (*global)
        (*env)->DeleteGlobalRef(env, *global);
    *global = NULL;
}

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
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if ((*env)->RegisterNatives(env, strand_jni_cache.native_class, tables[i]->methods,
                                    tables[i]->count) != JNI_OK)
            return -1;
    return 0;
}

/* On failure an exception is pending that names what is missing; the JVM throws it at the loader. */
JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved)
{
    (void)reserved;
    JNIEnv *env;
    if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK)
        return JNI_ERR;
    strand_jni_cache.vm = vm;
    strand_jni_cache.native_class = find_global(env, PACKAGE "Native");
    if (!strand_jni_cache.native_class)
        return JNI_ERR;
    strand_jni_cache.string_class = find_global(env, "java/lang/String");
    if (!strand_jni_cache.string_class)
        goto drop_native;
    if (find_line_buffer(env) < 0 || find_native_end(env) < 0 || register_natives(env) < 0)
        goto drop_string;
    return JNI_VERSION_1_8;

drop_string:
    drop_global(env, &strand_jni_cache.string_class);
drop_native:
    drop_global(env, &strand_jni_cache.native_class);
    return JNI_ERR;
}

JNIEXPORT void JNICALL JNI_OnUnload(JavaVM *vm, void *reserved)
{
    (void)reserved;
    JNIEnv *env;
    if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK)
        return;
    drop_global(env, &strand_jni_cache.string_class);
    drop_global(env, &strand_jni_cache.native_class);
}
