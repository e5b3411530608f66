/* SPDX-License-Identifier: Apache-2.0 */
/* A library that says it is libstrand of another version, for the test that it is refused. */
#include <jni.h>
#include <string.h>

static jbyteArray version(JNIEnv *env, jclass class)
{
    static const char text[] = "99.0.0";
    (void)class;
    jbyteArray bytes = (*env)->NewByteArray(env, (jsize)strlen(text));
    if (bytes)
        (*env)->SetByteArrayRegion(env, bytes, 0, (jsize)strlen(text), (const jbyte *)text);
    return bytes;
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved)
{
    (void)reserved;
    JNIEnv *env;
    if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK)
        return JNI_ERR;
    jclass class = (*env)->FindClass(env, "org/cemlang/strand/Native");
    __extension__ JNINativeMethod method = {"version", "()[B", (void *)version};
    if (!class || (*env)->RegisterNatives(env, class, &method, 1) != JNI_OK)
        return JNI_ERR;
    return JNI_VERSION_1_8;
}
