/* SPDX-License-Identifier: Apache-2.0 */
/* Natives about Java strands: their turns, and the waits that are no stream's. */
#include <errno.h>
#include <string.h>

#include "glue.h"
#include "hosted.h"
#include "hosted_window.h"
#include "wait.h"

/* Native.OVER, Native.HAND_TO_CARRIER: no errno value is that large. */
enum { NEXT_OVER = -1000001, NEXT_HAND_TO_CARRIER = -1000002 };

static jlong create(JNIEnv *env, jclass class, jlong scheduler, jbyteArray name)
{
    (void)class;
    char text[STRAND_NAME_BYTES];
    if (name)
        strand_jni_copy_text(env, name, text, sizeof text);
    struct strand *strand = NULL;
    int status = strand_hosted_create(strand_scheduler_held(), strand_jni_pointer(scheduler),
                                      name ? text : NULL, &strand);
    return strand_jni_handle(status, strand);
}

static jlong id(JNIEnv *env, jclass class, jlong strand)
{
    (void)env, (void)class;
    return (jlong)((struct strand *)strand_jni_pointer(strand))->id;
}

static jint ready(JNIEnv *env, jclass class, jlong caller, jlong strand)
{
    (void)env, (void)class;
    return strand_hosted_ready(strand_jni_held(caller), (strand_id)strand);
}

static void abandon(JNIEnv *env, jclass class, jlong strand)
{
    (void)env, (void)class;
    strand_hosted_abandon((strand_id)strand);
}

/* A strand's slot number and the unpark flag, or a negative code. */
static inline jlong turn_of(const struct strand *strand, bool unpark)
{
    return (jlong)((uint64_t)strand_id_slot(strand->id) << 1 | unpark);
}

static jlong next(JNIEnv *env, jclass class, jlong scheduler, jlong previous, jint disposition)
{
    (void)env, (void)class;
    struct strand *strand = NULL;
    bool unpark = false;
    int status = strand_hosted_next(strand_jni_pointer(scheduler), strand_jni_pointer(previous),
                                    (enum strand_disposition)disposition, &strand, &unpark);
    if (status < 0)
        return status;
    return strand ? turn_of(strand, unpark) : NEXT_OVER;
}

static jlong pass(JNIEnv *env, jclass class, jlong scheduler, jlong previous, jint disposition)
{
    (void)env, (void)class;
    struct strand *strand = NULL;
    int status = strand_hosted_pass(strand_jni_pointer(scheduler), strand_jni_pointer(previous),
                                    (enum strand_disposition)disposition, &strand);
    if (status < 0)
        return status;
    return strand ? turn_of(strand, false) : NEXT_HAND_TO_CARRIER;
}

static void layout(JNIEnv *env, jclass class, jintArray values)
{
    (void)class;
    int32_t all[STRAND_HOSTED_LAYOUT_COUNT];
    strand_hosted_layout(all);
    (*env)->SetIntArrayRegion(env, values, 0, STRAND_HOSTED_LAYOUT_COUNT, (const jint *)all);
}

static jlong table_chunks(JNIEnv *env, jclass class)
{
    (void)env, (void)class;
    return (jlong)(uintptr_t)strand_table_chunks;
}

static jlong control(JNIEnv *env, jclass class, jint slot)
{
    (void)env, (void)class;
    return (jlong)(uintptr_t)strand_slot_strand(strand_table_slot((uint32_t)slot));
}

static jint wait_in_place(JNIEnv *env, jclass class, jlong self)
{
    (void)env, (void)class;
    return strand_hosted_wait_in_place(strand_jni_pointer(self));
}

static jbyteArray wait_reason(JNIEnv *env, jclass class, jlong self)
{
    (void)class;
    struct strand *strand = strand_jni_pointer(self);
    if (!strand_armed(strand))
        return NULL;
    const char *reason = strand_wait_of(strand)->reason;
    return strand_jni_bytes(env, reason, strlen(reason));
}

static void stamp_wakes(JNIEnv *env, jclass class, jlong scheduler)
{
    (void)env, (void)class;
    ((strand_scheduler *)strand_jni_pointer(scheduler))->stamps_wakes = true;
}

static jlong woken_ns(JNIEnv *env, jclass class, jlong self)
{
    (void)env, (void)class;
    struct strand *strand = strand_jni_pointer(self);
    return strand->more ? strand_wait_of(strand)->since_ns : 0;
}

static void wait_done(JNIEnv *env, jclass class, jlong self)
{
    (void)env, (void)class;
    strand_wait_done(strand_jni_pointer(self));
}

static jint join_step(JNIEnv *env, jclass class, jlong self, jlong strand, jlong deadline_ns)
{
    (void)env, (void)class;
    return strand_join_step(strand_jni_pointer(self), (strand_id)strand, deadline_ns, NULL);
}

static jint sleep_step(JNIEnv *env, jclass class, jlong self, jlong deadline_ns)
{
    (void)env, (void)class;
    return strand_sleep_step(strand_jni_pointer(self), deadline_ns);
}

/* In the order of Native.WAITS_BLOCKING and the next. */
static jint park_step(JNIEnv *env, jclass class, jlong self, jint reason, jlong deadline_ns)
{
    (void)env, (void)class;
    static const char *const reasons[] = {"blocking call", "future", "executor"};
    return strand_park_step(strand_jni_pointer(self), reasons[reason], deadline_ns);
}

static jint wake(JNIEnv *env, jclass class, jlong caller, jlong strand)
{
    (void)env, (void)class;
    return strand_scheduler_wake(strand_jni_held(caller), (strand_id)strand);
}

static jint cancel(JNIEnv *env, jclass class, jlong caller, jlong strand)
{
    (void)env, (void)class;
    return strand_scheduler_cancel(strand_jni_held(caller), (strand_id)strand);
}

static const JNINativeMethod methods[] = {
    {"create", "(J[B)J", (void *)create},
    {"id", "(J)J", (void *)id},
    {"ready", "(JJ)I", (void *)ready},
    {"abandon", "(J)V", (void *)abandon},
    {"next", "(JJI)J", (void *)next},
    {"pass", "(JJI)J", (void *)pass},
    {"hostedLayout", "([I)V", (void *)layout},
    {"tableChunks", "()J", (void *)table_chunks},
    {"control", "(I)J", (void *)control},
    {"waitInPlace", "(J)I", (void *)wait_in_place},
    {"waitReason", "(J)[B", (void *)wait_reason},
    {"stampWakes", "(J)V", (void *)stamp_wakes},
    {"wokenNs", "(J)J", (void *)woken_ns},
    {"waitDone", "(J)V", (void *)wait_done},
    {"joinStep", "(JJJ)I", (void *)join_step},
    {"sleepStep", "(JJ)I", (void *)sleep_step},
    {"parkStep", "(JIJ)I", (void *)park_step},
    {"wake", "(JJ)I", (void *)wake},
    {"cancel", "(JJ)I", (void *)cancel},
};
const struct strand_jni_table strand_jni_hosted_natives = {
    methods, sizeof methods / sizeof *methods};
