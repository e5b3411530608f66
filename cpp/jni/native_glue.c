/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native strands that Java has spawned. Java hears of the end by an upcall, which cannot be made on the
 * strand's own stack: the last of its defers makes it on the carrier's, where no Java frame but
 * Native.next's, or that of another call that runs strands, stands.
 */
#include <errno.h>
#include <stdlib.h>

#include "glue.h"

struct native_body {
    strand_entry entry;
    void *argument;
    jobject end;      /* a global reference to a NativeEnd */
};

static void free_body(JNIEnv *env, struct native_body *body)
{
    (*env)->DeleteGlobalRef(env, body->end);
    free(body);
}

/* On the carrier's stack; its thread is the JVM's, since it runs strands by a native of ours. */
static void tell_end(void *argument)
{
    struct native_body *body = argument;
    JavaVM *vm = strand_jni_cache.vm;
    JNIEnv *env;
    if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK)
        return;
    (*env)->CallVoidMethod(env, body->end, strand_jni_cache.native_end_tell);
    if ((*env)->ExceptionCheck(env))      /* no memory, at most; there is nobody to throw it at */
        (*env)->ExceptionClear(env);
    free_body(env, body);
}

static void tell_end_on_carrier(void *body)
{
    strand_call_on_carrier(tell_end, body);
}

/* The defer comes first so that it runs last, and also when the entry calls strand_exit. */
static void run_body(void *argument)
{
    struct native_body *body = argument;
    int deferred = strand_defer(tell_end_on_carrier, body);
    body->entry(body->argument);
    if (deferred < 0)      /* no memory for it: the end of one that returns is told nevertheless */
        tell_end_on_carrier(body);
}

static struct native_body *make_body(JNIEnv *env, jlong entry, jlong argument, jobject end)
{
    struct native_body *body = malloc(sizeof *body);
    if (!body)
        return NULL;
    body->entry = (strand_entry)strand_jni_pointer(entry);
    body->argument = strand_jni_pointer(argument);
    body->end = (*env)->NewGlobalRef(env, end);
    if (!body->end) {
        free(body);
        return NULL;
    }
    return body;
}

static jint spawn_native(JNIEnv *env, jclass class, jlong caller, jlong scheduler, jbyteArray name,
                         jlong entry, jlong argument, jobject end, jlongArray id)
{
    (void)class;
    char text[STRAND_NAME_BYTES];
    if (name)
        strand_jni_copy_text(env, name, text, sizeof text);
    const struct strand_options options = {.size = sizeof options, .name = name ? text : NULL};
    struct native_body *body = make_body(env, entry, argument, end);
    if (!body)
        return -ENOMEM;
    strand_id spawned = 0;
    int status = strand_scheduler_spawn(strand_jni_held(caller), strand_jni_pointer(scheduler),
                                        &options, run_body, body, &spawned);
    if (status < 0) {
        free_body(env, body);
        return status;
    }
    const jlong value = (jlong)spawned;
    (*env)->SetLongArrayRegion(env, id, 0, 1, &value);
    return 0;
}

static const JNINativeMethod methods[] = {
    {"spawnNative", "(JJ[BJJLorg/cemlang/strand/NativeEnd;[J)I", (void *)spawn_native},
};
const struct strand_jni_table strand_jni_native_natives = {
    methods, sizeof methods / sizeof *methods};
