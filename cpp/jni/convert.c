/* SPDX-License-Identifier: Apache-2.0 */
#include "glue.h"

void strand_jni_copy_text(JNIEnv *env, jbyteArray array, char *to, size_t size)
{
    jsize length = array ? (*env)->GetArrayLength(env, array) : 0;
    if ((size_t)length > size - 1)
        length = (jsize)(size - 1);
    if (length > 0)
        (*env)->GetByteArrayRegion(env, array, 0, length, (jbyte *)to);
    to[length] = '\0';
}

jbyteArray strand_jni_bytes(JNIEnv *env, const char *text, size_t length)
{
    jbyteArray bytes = (*env)->NewByteArray(env, (jsize)length);
    if (bytes)
        (*env)->SetByteArrayRegion(env, bytes, 0, (jsize)length, (const jbyte *)text);
    return bytes;
}
