/* SPDX-License-Identifier: Apache-2.0 */
/* Natives about listeners and connections. */
#include <errno.h>
#include <string.h>

#include "glue.h"
#include "listener.h"
#include "resolve.h"

/* More than the longest address: a name of 253 bytes, a colon, a port and a NUL. The path behind
 * "unix:" has at most 107. */
#define ADDRESS_BYTES 272

/* An address that is cut would name another place: one that is too long, or has a NUL in it, is
 * -EINVAL, as the core says of what it cannot read. */
static int address_text(JNIEnv *env, jbyteArray address, char text[ADDRESS_BYTES])
{
    jsize length = (*env)->GetArrayLength(env, address);
    if (length >= ADDRESS_BYTES)
        return -EINVAL;
    strand_jni_copy_text(env, address, text, ADDRESS_BYTES);
    return strlen(text) == (size_t)length ? 0 : -EINVAL;
}

static jlong listen_on(JNIEnv *env, jclass class, jlong scheduler, jbyteArray address, jint backlog)
{
    (void)class;
    char text[ADDRESS_BYTES];
    strand_listener *listener = NULL;
    int status = address_text(env, address, text);
    if (status == 0)
        status = strand_listener_create(strand_jni_pointer(scheduler), text, backlog, &listener);
    return strand_jni_handle(status, listener);
}

static jlong begin_listen(JNIEnv *env, jclass class, jbyteArray address)
{
    (void)class;
    char text[ADDRESS_BYTES];
    struct strand_resolving *names = NULL;
    int status = address_text(env, address, text);
    if (status == 0)
        status = strand_resolve_create(text, &names);
    return strand_jni_handle(status, names);
}

static jlong listen_step(JNIEnv *env, jclass class, jlong self, jlong names, jint backlog)
{
    (void)env, (void)class;
    strand_listener *listener = NULL;
    int status = strand_listen_step(strand_jni_pointer(self), strand_jni_pointer(names), backlog,
                                    &listener);
    if (status != -EAGAIN)
        strand_resolve_destroy(strand_jni_pointer(self), strand_jni_pointer(names));
    return strand_jni_handle(status, listener);
}

static void abandon_listen(JNIEnv *env, jclass class, jlong self, jlong names)
{
    (void)env, (void)class;
    strand_resolve_destroy(strand_jni_pointer(self), strand_jni_pointer(names));
}

static jbyteArray listener_name(JNIEnv *env, jclass class, jlong listener)
{
    (void)class;
    char text[ADDRESS_BYTES];
    if (strand_listener_name(strand_jni_pointer(listener), text, sizeof text) < 0)
        return NULL;
    return strand_jni_bytes(env, text, strlen(text));
}

static jlong accept_step(JNIEnv *env, jclass class, jlong self, jlong listener, jlong deadline_ns)
{
    (void)env, (void)class;
    strand_stream *stream = NULL;
    int status = strand_accept_step(strand_jni_pointer(self), strand_jni_pointer(listener),
                                    deadline_ns, &stream);
    return strand_jni_handle(status, stream);
}

static void give_up_accept(JNIEnv *env, jclass class, jlong self, jlong listener)
{
    (void)env, (void)class;
    strand_accept_give_up(strand_jni_pointer(self), strand_jni_pointer(listener));
}

static void close_listener(JNIEnv *env, jclass class, jlong listener)
{
    (void)env, (void)class;
    strand_listener_destroy(strand_jni_pointer(listener));
}

static jlong begin_connect(JNIEnv *env, jclass class, jlong scheduler, jbyteArray address)
{
    (void)class;
    char text[ADDRESS_BYTES];
    struct strand_connecting *connecting = NULL;
    int status = address_text(env, address, text);
    if (status == 0)
        status = strand_connect_begin(strand_jni_pointer(scheduler), text, &connecting);
    return strand_jni_handle(status, connecting);
}

static jlong connect_step(JNIEnv *env, jclass class, jlong self, jlong connecting, jlong deadline_ns)
{
    (void)env, (void)class;
    strand_stream *stream = NULL;
    int status = strand_connect_step(strand_jni_pointer(self), strand_jni_pointer(connecting),
                                     deadline_ns, &stream);
    return strand_jni_handle(status, stream);
}

static void abandon_connect(JNIEnv *env, jclass class, jlong self, jlong connecting)
{
    (void)env, (void)class;
    strand_connect_abandon(strand_jni_pointer(self), strand_jni_pointer(connecting));
}

static const JNINativeMethod methods[] = {
    {"listen", "(J[BI)J", (void *)listen_on},
    {"beginListen", "([B)J", (void *)begin_listen},
    {"listenStep", "(JJI)J", (void *)listen_step},
    {"abandonListen", "(JJ)V", (void *)abandon_listen},
    {"listenerAddress", "(J)[B", (void *)listener_name},
    {"acceptStep", "(JJJ)J", (void *)accept_step},
    {"giveUpAccept", "(JJ)V", (void *)give_up_accept},
    {"closeListener", "(J)V", (void *)close_listener},
    {"beginConnect", "(J[B)J", (void *)begin_connect},
    {"connectStep", "(JJJ)J", (void *)connect_step},
    {"abandonConnect", "(JJ)V", (void *)abandon_connect},
};
const struct strand_jni_table strand_jni_listener_natives = {
    methods, sizeof methods / sizeof *methods};
