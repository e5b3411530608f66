/* SPDX-License-Identifier: Apache-2.0 */
/* org.cemlang.strand.NativeSupport: pipes, and strands whose body is C, for the Java tests. */
#include <errno.h>
#include <jni.h>
#include <stdlib.h>
#include <unistd.h>

#include <strand/strand.h>

static JavaVM *vm;

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *loaded_by, void *reserved)
{
    (void)reserved;
    vm = loaded_by;
    return JNI_VERSION_1_8;
}

JNIEXPORT jint JNICALL Java_org_cemlang_strand_NativeSupport_pipe(JNIEnv *env, jclass class,
                                                                  jintArray ends)
{
    (void)class;
    int fds[2];
    if (pipe(fds) < 0)
        return -errno;
    const jint both[] = {fds[0], fds[1]};
    (*env)->SetIntArrayRegion(env, ends, 0, 2, both);
    return 0;
}

/* ---- A native strand that calls Java ------------------------------------------------------------ */

struct call {
    jobject body;        /* a global reference to a Runnable */
    int on_carrier;      /* what strand_call_on_carrier said */
    int parked_in_it;    /* what strand_sleep said inside */
};

/* On the carrier's own stack, whose thread is the JVM's. */
static void run_java(void *argument)
{
    struct call *call = argument;
    JNIEnv *env;
    if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK)
        return;
    jclass class = (*env)->GetObjectClass(env, call->body);
    jmethodID run = (*env)->GetMethodID(env, class, "run", "()V");
    (*env)->CallVoidMethod(env, call->body, run);
    (*env)->DeleteGlobalRef(env, call->body);
    (*env)->DeleteLocalRef(env, class);
    call->parked_in_it = strand_sleep(1);
}

static void call_java(void *argument)
{
    struct call *call = argument;
    strand_yield();
    call->on_carrier = strand_call_on_carrier(run_java, call);
    strand_yield();
}

JNIEXPORT jlong JNICALL Java_org_cemlang_strand_NativeSupport_spawnCalling(JNIEnv *env, jclass class,
                                                                           jlong scheduler,
                                                                           jobject body)
{
    (void)class;
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return 0;
    call->body = (*env)->NewGlobalRef(env, body);
    call->on_carrier = call->parked_in_it = 1;
    if (strand_spawn((strand_scheduler *)(intptr_t)scheduler, call_java, call, NULL) < 0)
        return 0;
    return (jlong)(intptr_t)call;
}

/* What the two calls returned: "the first << 16 | the second", each negated. */
JNIEXPORT jint JNICALL Java_org_cemlang_strand_NativeSupport_outcome(JNIEnv *env, jclass class,
                                                                     jlong spawned)
{
    (void)env, (void)class;
    struct call *call = (struct call *)(intptr_t)spawned;
    jint outcome = -call->on_carrier << 16 | -call->parked_in_it;
    free(call);
    return outcome;
}

/* ---- A native strand that takes its turns -------------------------------------------------------- */

struct scribe {
    char *log;           /* a direct buffer's; its first byte counts */
    char letter;
    int times;
};

static void write_letter(void *argument)
{
    struct scribe *scribe = argument;
    scribe->log[(unsigned char)++scribe->log[0]] = scribe->letter;
    strand_yield();
}

/* Each on a further segment of its stack. */
static void write_letters(void *argument)
{
    struct scribe *scribe = argument;
    for (int i = 0; i < scribe->times; i++)
        strand_call(1024 * 1024, write_letter, scribe);
    free(scribe);
}

static struct scribe *make_scribe(JNIEnv *env, jobject log, jchar letter, jint times)
{
    struct scribe *scribe = malloc(sizeof *scribe);
    if (scribe)
        *scribe = (struct scribe){(*env)->GetDirectBufferAddress(env, log), (char)letter, times};
    return scribe;
}

JNIEXPORT jlong JNICALL Java_org_cemlang_strand_NativeSupport_spawnScribe(
    JNIEnv *env, jclass class, jlong scheduler, jobject log, jchar letter, jint times)
{
    (void)class;
    struct scribe *scribe = make_scribe(env, log, letter, times);
    if (!scribe)
        return 0;
    strand_id id = 0;
    if (strand_spawn((strand_scheduler *)(intptr_t)scheduler, write_letters, scribe, &id) < 0)
        free(scribe);
    return (jlong)id;
}

/* ---- Functions for Scheduler.spawnNative ------------------------------------------------------- */

/* Writes what its sleep, which a cancel is to end, has returned. */
static void sleep_long(void *log)
{
    *(char *)log = (char)-strand_sleep(INT64_C(3600) * 1000000000);
}

static void exit_at_once(void *argument)
{
    strand_exit(argument);
}

JNIEXPORT jlong JNICALL Java_org_cemlang_strand_NativeSupport_function(JNIEnv *env, jclass class,
                                                                       jint which)
{
    (void)env, (void)class;
    static const strand_entry functions[] = {write_letters, sleep_long, exit_at_once};
    return (jlong)(intptr_t)functions[which];
}

JNIEXPORT jlong JNICALL Java_org_cemlang_strand_NativeSupport_scribe(JNIEnv *env, jclass class,
                                                                     jobject log, jchar letter,
                                                                     jint times)
{
    (void)class;
    return (jlong)(intptr_t)make_scribe(env, log, letter, times);
}

JNIEXPORT jlong JNICALL Java_org_cemlang_strand_NativeSupport_address(JNIEnv *env, jclass class,
                                                                      jobject direct)
{
    (void)class;
    return (jlong)(intptr_t)(*env)->GetDirectBufferAddress(env, direct);
}

/* ---- A Java strand under a native frame ---------------------------------------------------------- */

JNIEXPORT void JNICALL Java_org_cemlang_strand_NativeSupport_callBack(JNIEnv *env, jclass class,
                                                                      jobject body)
{
    (void)class;
    jclass of = (*env)->GetObjectClass(env, body);
    jmethodID run = (*env)->GetMethodID(env, of, "run", "()V");
    (*env)->CallVoidMethod(env, body, run);
}

/* ---- Faults -------------------------------------------------------------------------------------- */

/* Frames without end; not a tail call. */
__attribute__((noinline)) static int dive(int depth)
{
    volatile int here = depth;
    return depth < 0 ? 0 : dive(depth + 1) + here;
}

static void overflow(void *argument)
{
    (void)argument;
    dive(0);
}

static void read_address(void *address)
{
    (void)*(volatile char *)address;
}

static int spawn_named(strand_scheduler *scheduler, const char *name, strand_entry entry,
                       void *argument)
{
    const struct strand_options options = {
        .size = sizeof options, .name = name, .stack_bytes = 64 * 1024};
    return strand_spawn_with(scheduler, &options, entry, argument, NULL);
}

JNIEXPORT jint JNICALL Java_org_cemlang_strand_NativeSupport_spawnOverflowing(JNIEnv *env,
                                                                              jclass class,
                                                                              jlong scheduler)
{
    (void)env, (void)class;
    return spawn_named((strand_scheduler *)(intptr_t)scheduler, "deep one", overflow, NULL);
}

/* On a scheduler of C's own, with the calling thread as its carrier. */
JNIEXPORT jint JNICALL Java_org_cemlang_strand_NativeSupport_overflow(JNIEnv *env, jclass class,
                                                                      jboolean report)
{
    (void)env, (void)class;
    const struct strand_scheduler_options options = {.size = sizeof options,
                                                     .no_overflow_report = !report};
    strand_scheduler *scheduler;
    int status = strand_scheduler_init(&options, &scheduler);
    if (status == 0)
        status = spawn_named(scheduler, "deep one", overflow, NULL);
    return status == 0 ? strand_scheduler_run(scheduler) : status;
}

JNIEXPORT void JNICALL Java_org_cemlang_strand_NativeSupport_read(JNIEnv *env, jclass class,
                                                                  jlong address)
{
    (void)env, (void)class;
    read_address((void *)(intptr_t)address);
}

JNIEXPORT jint JNICALL Java_org_cemlang_strand_NativeSupport_spawnReading(JNIEnv *env,
                                                                          jclass class,
                                                                          jlong scheduler,
                                                                          jlong address)
{
    (void)env, (void)class;
    return spawn_named((strand_scheduler *)(intptr_t)scheduler, "astray", read_address,
                       (void *)(intptr_t)address);
}
