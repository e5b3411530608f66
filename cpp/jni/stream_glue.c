/* SPDX-License-Identifier: Apache-2.0 */
/* Natives about streams. Every one that takes `self` is a step: -EAGAIN, and Java parks. */
#include <errno.h>
#include <stdlib.h>

#include "glue.h"
#include "stream_window.h"
#include "wait.h"

/* What is written from an array passes through here when it is small: no allocation a line. */
#define SMALL_WRITE_BYTES 4096

static jlong open_stream(JNIEnv *env, jclass class, jlong scheduler, jint fd, jlong max_line_bytes,
                         jboolean keep_fd)
{
    (void)env, (void)class;
    const struct strand_stream_options options = {
        .size = sizeof options,
        .max_line_bytes = (size_t)max_line_bytes,
        .keep_fd = keep_fd,
    };
    strand_stream *stream = NULL;
    int status = strand_stream_create(strand_jni_pointer(scheduler), fd, &options, &stream);
    return strand_jni_handle(status, stream);
}

static jlong open_copy(JNIEnv *env, jclass class, jlong scheduler, jint fd)
{
    (void)env, (void)class;
    strand_stream *stream = NULL;
    int status = strand_stream_create_on_copy(strand_jni_pointer(scheduler), fd, &stream);
    return strand_jni_handle(status, stream);
}

static jlong standard_stream(JNIEnv *env, jclass class, jlong scheduler, jint fd)
{
    (void)env, (void)class;
    strand_stream *stream = NULL;
    int status = strand_stream_standard(strand_jni_pointer(scheduler), fd, &stream);
    return strand_jni_handle(status, stream);
}

/* Of the call that goes on, absolute; or, negative, of one that begins, a patience: it is absolute
 * from then on. Java reads it in the stream (StreamMemory.deadline) before it waits. */
static int64_t keep_deadline(strand_stream *s, jlong deadline_ns)
{
    int64_t now = deadline_ns < 0 ? strand_now_ns() : 0;
    if (deadline_ns < 0)
        deadline_ns = -deadline_ns > STRAND_FOREVER - now ? STRAND_FOREVER : now - deadline_ns;
    strand_stream_set_deadline(s, deadline_ns);
    return deadline_ns;
}

/* The line's bytes into `bytes`, which is buffer.bytes and is replaced there when it is too small.
 * It comes with its length, since each question to the JVM costs as much as the copying. */
static int copy_line(JNIEnv *env, jbyteArray bytes, jint length, jobject buffer,
                     const struct strand_line *line)
{
    if ((size_t)length < line->length) {
        bytes = (*env)->NewByteArray(env, (jsize)line->length);
        if (!bytes)
            return -ENOMEM;
        (*env)->SetObjectField(env, buffer, strand_jni_cache.line_buffer_bytes, bytes);
    }
    (*env)->SetByteArrayRegion(env, bytes, 0, (jsize)line->length, (const jbyte *)line->text);
    return 0;
}

/* length << 2 | ending, or STRAND_JNI_END, or -errno. */
static jlong read_line_step(JNIEnv *env, jclass class, jlong self, jlong in, jlong deadline_ns,
                            jbyteArray bytes, jint length, jobject buffer)
{
    (void)class;
    deadline_ns = keep_deadline(strand_jni_pointer(in), deadline_ns);
    struct strand_line line = {.size = sizeof line};
    int status = strand_stream_read_line_step(strand_jni_pointer(self), strand_jni_pointer(in),
                                              &line, deadline_ns);
    if (status <= 0)
        return status < 0 ? status : STRAND_JNI_END;
    status = copy_line(env, bytes, length, buffer, &line);
    strand_stream_release_line(strand_jni_pointer(self), strand_jni_pointer(in));
    return status < 0 ? status : (jlong)(line.length << 2 | line.ending);
}

static jint write_step(JNIEnv *env, jclass class, jlong self, jlong out, jlong deadline_ns,
                       jbyteArray from, jint offset, jint length, jboolean newline)
{
    (void)class;
    deadline_ns = keep_deadline(strand_jni_pointer(out), deadline_ns);
    char small[SMALL_WRITE_BYTES];
    char *bytes = length <= SMALL_WRITE_BYTES ? small : malloc((size_t)length);
    if (!bytes)
        return -ENOMEM;
    (*env)->GetByteArrayRegion(env, from, offset, length, (jbyte *)bytes);
    int status = strand_stream_write_step(strand_jni_pointer(self), strand_jni_pointer(out), bytes,
                                          (size_t)length, newline, deadline_ns);
    if (bytes != small)
        free(bytes);
    return status;
}

static jint write_direct_step(JNIEnv *env, jclass class, jlong self, jlong out, jlong deadline_ns,
                              jobject from, jint offset, jint length, jboolean newline)
{
    (void)class;
    deadline_ns = keep_deadline(strand_jni_pointer(out), deadline_ns);
    const char *bytes = (*env)->GetDirectBufferAddress(env, from);
    if (!bytes)
        return -EINVAL;
    return strand_stream_write_step(strand_jni_pointer(self), strand_jni_pointer(out),
                                    bytes + offset, (size_t)length, newline, deadline_ns);
}

static jint flush_step(JNIEnv *env, jclass class, jlong self, jlong stream, jlong deadline_ns)
{
    (void)env, (void)class;
    deadline_ns = keep_deadline(strand_jni_pointer(stream), deadline_ns);
    return strand_stream_flush_step(strand_jni_pointer(self), strand_jni_pointer(stream),
                                    deadline_ns);
}

static jint shut_down_step(JNIEnv *env, jclass class, jlong self, jlong stream, jlong deadline_ns)
{
    (void)env, (void)class;
    deadline_ns = keep_deadline(strand_jni_pointer(stream), deadline_ns);
    return strand_stream_shutdown_step(strand_jni_pointer(self), strand_jni_pointer(stream),
                                       deadline_ns);
}

static jint close_step(JNIEnv *env, jclass class, jlong self, jlong stream, jlong deadline_ns)
{
    (void)env, (void)class;
    deadline_ns = keep_deadline(strand_jni_pointer(stream), deadline_ns);
    return strand_stream_close_step(strand_jni_pointer(self), strand_jni_pointer(stream),
                                    deadline_ns);
}

static void give_up(JNIEnv *env, jclass class, jlong self, jlong stream)
{
    (void)env, (void)class;
    strand_wait_done(strand_jni_pointer(self));
    strand_stream_give_up(strand_jni_pointer(self), strand_jni_pointer(stream));
}

static void set_max_line(JNIEnv *env, jclass class, jlong stream, jlong bytes)
{
    (void)env, (void)class;
    strand_stream_set_max_line(strand_jni_pointer(stream), (size_t)bytes);
}

static jint close_idle(JNIEnv *env, jclass class, jlong stream)
{
    (void)env, (void)class;
    return strand_stream_close_idle(strand_jni_pointer(stream));
}

static void layout(JNIEnv *env, jclass class, jintArray values)
{
    (void)class;
    int32_t all[STRAND_STREAM_LAYOUT_COUNT];
    strand_stream_layout(all);
    (*env)->SetIntArrayRegion(env, values, 0, STRAND_STREAM_LAYOUT_COUNT, (const jint *)all);
}

static jlong deadline(JNIEnv *env, jclass class, jlong stream)
{
    (void)env, (void)class;
    return strand_stream_deadline(strand_jni_pointer(stream));
}

static jlong io_of(JNIEnv *env, jclass class, jlong scheduler)
{
    (void)env, (void)class;
    return strand_jni_handle(0, ((strand_scheduler *)strand_jni_pointer(scheduler))->attached);
}

static const JNINativeMethod methods[] = {
    {"openStream", "(JIJZ)J", (void *)open_stream},
    {"openCopy", "(JI)J", (void *)open_copy},
    {"standardStream", "(JI)J", (void *)standard_stream},
    {"readLineStep", "(JJJ[BILorg/cemlang/strand/LineBuffer;)J", (void *)read_line_step},
    {"writeStep", "(JJJ[BIIZ)I", (void *)write_step},
    {"writeDirectStep", "(JJJLjava/nio/ByteBuffer;IIZ)I", (void *)write_direct_step},
    {"flushStep", "(JJJ)I", (void *)flush_step},
    {"shutDownStep", "(JJJ)I", (void *)shut_down_step},
    {"closeStep", "(JJJ)I", (void *)close_step},
    {"giveUp", "(JJ)V", (void *)give_up},
    {"setMaxLine", "(JJ)V", (void *)set_max_line},
    {"closeIdle", "(J)I", (void *)close_idle},
    {"layout", "([I)V", (void *)layout},
    {"deadline", "(J)J", (void *)deadline},
    {"ioOf", "(J)J", (void *)io_of},
};
const struct strand_jni_table strand_jni_stream_natives = {
    methods, sizeof methods / sizeof *methods};
