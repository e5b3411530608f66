/* SPDX-License-Identifier: Apache-2.0 */
/* Natives about schedulers, and what belongs to none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glue.h"
#include "stream.h"

static jbyteArray version(JNIEnv *env, jclass class)
{
    (void)class;
    return strand_jni_bytes(env, strand_version(), strlen(strand_version()));
}

static jbyteArray error_text(JNIEnv *env, jclass class, jint error)
{
    (void)class;
    char room[128] = "";
    const char *text = strerror_r(error, room, sizeof room);
    return strand_jni_bytes(env, text, strlen(text));
}

/* In the order of Errno.java. */
static void errors(JNIEnv *env, jclass class, jintArray values)
{
    (void)class;
    static const jint all[] = {-EAGAIN, -ECANCELED, -ETIMEDOUT, -EDEADLK, -EPERM,
                               -EBUSY,  -ENOMEM,    -EBADF,     -E2BIG,   -EINVAL,
                               -ENXIO};
    (*env)->SetIntArrayRegion(env, values, 0, sizeof all / sizeof *all, all);
}

static jlong now(JNIEnv *env, jclass class)
{
    (void)env, (void)class;
    return strand_now_ns();
}

/* The lookup that the JDK trusts with everything; JNI reads the field without an access check. */
static jobject trusted_lookup(JNIEnv *env, jclass class)
{
    (void)class;
    jclass lookup = (*env)->FindClass(env, "java/lang/invoke/MethodHandles$Lookup");
    if (!lookup)
        return NULL;
    jfieldID field = (*env)->GetStaticFieldID(env, lookup, "IMPL_LOOKUP",
                                              "Ljava/lang/invoke/MethodHandles$Lookup;");
    return field ? (*env)->GetStaticObjectField(env, lookup, field) : NULL;
}

static jlong open_scheduler(JNIEnv *env, jclass class, jlong stack_bytes, jlong max_strands,
                            jint guards, jint poll_bound, jlong grace_ns)
{
    (void)env, (void)class;
    const struct strand_scheduler_options options = {
        .size = sizeof options,
        .stack_bytes = (size_t)stack_bytes,
        .max_strands = (size_t)max_strands,
        .guards = (enum strand_guards)guards,
        .poll_bound = (unsigned)poll_bound,
        .grace_ns = grace_ns,
    };
    strand_scheduler *scheduler = NULL;
    int status = strand_scheduler_init(&options, &scheduler);
    return strand_jni_handle(status, scheduler);
}

/* The calling thread becomes the carrier, until leave. */
static jint enter(JNIEnv *env, jclass class, jlong scheduler)
{
    (void)env, (void)class;
    return strand_scheduler_enter(strand_jni_pointer(scheduler));
}

static void leave(JNIEnv *env, jclass class, jlong scheduler)
{
    (void)env, (void)class;
    strand_scheduler_leave(strand_jni_pointer(scheduler));
}

static jint shut_down(JNIEnv *env, jclass class, jlong scheduler)
{
    (void)env, (void)class;
    return strand_scheduler_shutdown(strand_jni_pointer(scheduler));
}

static void stop(JNIEnv *env, jclass class, jlong scheduler)
{
    (void)env, (void)class;
    strand_scheduler_stop(strand_jni_pointer(scheduler));
}

/* For a carrier that will not come back: what waits to go out goes as far as it can. */
static void flush_all(JNIEnv *env, jclass class, jlong scheduler)
{
    (void)env, (void)class;
    strand_scheduler *s = strand_jni_pointer(scheduler);
    if (s->hooks.flush)
        s->hooks.flush(s);
}

static int fill_names(JNIEnv *env, jobjectArray names, const char *const *texts, int count)
{
    for (int i = 0; i < count; i++) {
        jstring text = (*env)->NewStringUTF(env, texts[i] ? texts[i] : "");
        if (!text)
            return -ENOMEM;
        (*env)->SetObjectArrayElement(env, names, i, text);
        (*env)->DeleteLocalRef(env, text);
    }
    return 0;
}

/* In the order of the header's structure, which is Scheduler.Stats'. */
static jint stats(JNIEnv *env, jclass class, jlong scheduler, jlongArray numbers, jobjectArray names)
{
    (void)class;
    struct strand_scheduler_stats s = {.size = sizeof s};
    int status = strand_scheduler_stats(strand_jni_pointer(scheduler), &s);
    if (status < 0)
        return status;
    enum { PLAIN = 23, A_CLASS = 4 };
    jlong values[PLAIN + A_CLASS * STRAND_STACK_CLASSES] = {
        (jlong)s.live, (jlong)s.ready, (jlong)s.parked, (jlong)s.spawned, (jlong)s.finished,
        (jlong)s.switches, (jlong)s.wakes, (jlong)s.remote_wakes, (jlong)s.polls,
        (jlong)s.timers_fired, (jlong)s.stacks_live, (jlong)s.stacks_pooled,
        (jlong)s.stack_bytes_reserved, (jlong)s.lines_in, (jlong)s.lines_out, (jlong)s.bytes_in,
        (jlong)s.bytes_out, (jlong)s.overlong_lines, (jlong)s.accept_backoffs,
        (jlong)s.pinned_waits, (jlong)s.segments_linked, (jlong)s.segments_freed,
        (jlong)s.stack_bytes_resident,
    };
    for (int i = 0; i < STRAND_STACK_CLASSES; i++) {
        const struct strand_stack_class_stats *class_stats = &s.stack_classes[i];
        jlong *to = values + PLAIN + A_CLASS * i;
        to[0] = (jlong)class_stats->usable_bytes;
        to[1] = (jlong)class_stats->live;
        to[2] = (jlong)class_stats->pooled;
        to[3] = (jlong)class_stats->trimmed;
    }
    (*env)->SetLongArrayRegion(env, numbers, 0, sizeof values / sizeof *values, values);
    const char *const texts[] = {s.context, s.loop, s.guards};
    return fill_names(env, names, texts, sizeof texts / sizeof *texts);
}

/* Through a nameless file: a dump may be larger than a pipe holds. NULL: no such file to be had. */
static jbyteArray dump(JNIEnv *env, jclass class, jlong caller, jlong scheduler, jboolean stacks)
{
    (void)class;
    FILE *file = tmpfile();
    if (!file)
        return NULL;
    strand_scheduler_dump_from_anywhere(strand_jni_held(caller), strand_jni_pointer(scheduler),
                                        fileno(file), stacks);
    jbyteArray bytes = NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        char *text = size > 0 ? malloc((size_t)size) : NULL;
        size_t length = text ? fread(text, 1, (size_t)size, file) : 0;
        bytes = strand_jni_bytes(env, text ? text : "", length);
        free(text);
    }
    fclose(file);
    return bytes;
}

static const JNINativeMethod methods[] = {
    {"version", "()[B", (void *)version},
    {"errors", "([I)V", (void *)errors},
    {"errorText", "(I)[B", (void *)error_text},
    {"now", "()J", (void *)now},
    {"trustedLookup", "()Ljava/lang/invoke/MethodHandles$Lookup;", (void *)trusted_lookup},
    {"open", "(JJIIJ)J", (void *)open_scheduler},
    {"enter", "(J)I", (void *)enter},
    {"leave", "(J)V", (void *)leave},
    {"shutDown", "(J)I", (void *)shut_down},
    {"stop", "(J)V", (void *)stop},
    {"flushAll", "(J)V", (void *)flush_all},
    {"stats", "(J[J[Ljava/lang/String;)I", (void *)stats},
    {"dump", "(JJZ)[B", (void *)dump},
};
const struct strand_jni_table strand_jni_scheduler_natives = {
    methods, sizeof methods / sizeof *methods};
