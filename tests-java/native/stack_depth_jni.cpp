// SPDX-License-Identifier: Apache-2.0
// The rows on JNI of docs/stack-depth.md: a native strand on a carrier that is a Java thread. Java
// runs on the carrier's own stack (record 001), so that a strand pays for strand_call_on_carrier
// alone; ends with 1 where that does not hold.
//
//     stack_depth_jni LIBJVM      prints the rows
#include <dlfcn.h>
#include <jni.h>
#include <pthread.h>
#include <strand/strand.h>

#include <cstdio>
#include <cstdlib>

#include "stack_depth.h"

namespace {

constexpr size_t LARGE_SLOT = 1024 * 1024, CARRIER_STACK = 16 * LARGE_SLOT;
constexpr int LATER_CALLS = 5;
constexpr size_t MOST_ON_A_STRAND = 512;

JNIEnv *env;
jclass integer, stack_overflow;
jmethodID parse;
jstring digits;
Depth on_carrier, on_strand, functions;
bool overflows, parsed;

void must(bool held, const char *what)
{
    if (held)
        return;
    fprintf(stderr, "stack_depth_jni: %s\n", what);
    exit(2);
}

Depth measure_calls(void (*fn)(void *))
{
    Depth depth{true, depth_of_call(fn, nullptr), 0};
    for (int i = 0; i < LATER_CALLS; i++) {
        size_t bytes = depth_of_call(fn, nullptr);
        depth.later_bytes = bytes > depth.later_bytes ? bytes : depth.later_bytes;
    }
    return depth;
}

void call_java(void *)
{
    parsed = env->CallStaticIntMethod(integer, parse, digits) == 42 && !env->ExceptionCheck();
}

void measure_on_carrier(void *)
{
    on_carrier = measure_calls(call_java);
}

void call_java_on_carrier(void *)
{
    strand_call_on_carrier(call_java, nullptr);
}

// What no strand should do: a collection may begin in any of them.
void call_functions_that_run_no_java(void *)
{
    char text[3];
    jbyteArray array = env->NewByteArray(100);
    jstring string = env->NewStringUTF("42");
    env->SetByteArrayRegion(array, 0, 3, reinterpret_cast<const jbyte *>("abc"));
    env->GetStringUTFRegion(string, 0, 2, text);
    env->DeleteLocalRef(array);
    env->DeleteLocalRef(string);
}

void live(void *)
{
    strand_call_on_carrier(measure_on_carrier, nullptr);
    parsed = false;
    on_strand = measure_calls(call_java_on_carrier);
    functions = measure_calls(call_functions_that_run_no_java);

    bool parsed_on_carrier = parsed;
    env->CallStaticIntMethod(integer, parse, digits);
    jthrowable thrown = env->ExceptionOccurred();
    env->ExceptionClear();
    overflows = thrown && env->IsInstanceOf(thrown, stack_overflow);
    parsed = parsed_on_carrier;
}

void find_java()
{
    integer = env->FindClass("java/lang/Integer");
    parse = env->GetStaticMethodID(integer, "parseInt", "(Ljava/lang/String;)I");
    digits = env->NewStringUTF("42");
    stack_overflow = env->FindClass("java/lang/StackOverflowError");
    must(parse && digits && stack_overflow, "Integer.parseInt is not there");
}

void *carry(void *libjvm)
{
    using create_java_vm = jint(JavaVM **, void **, void *);
    auto create = reinterpret_cast<create_java_vm *>(dlsym(libjvm, "JNI_CreateJavaVM"));
    JavaVM *vm;
    JavaVMInitArgs arguments{};
    arguments.version = JNI_VERSION_1_8;
    arguments.ignoreUnrecognized = JNI_TRUE;
    must(create && create(&vm, reinterpret_cast<void **>(&env), &arguments) == JNI_OK,
         "no JVM begins");
    find_java();

    strand_scheduler *s;
    strand_options options{};
    options.size = sizeof options;
    options.stack_bytes = LARGE_SLOT;
    must(strand_scheduler_init(nullptr, &s) == 0, "no scheduler");
    must(strand_spawn_with(s, &options, live, nullptr, nullptr) == 0, "no strand");
    must(strand_scheduler_run(s) == 0, "the strand did not end");
    must(strand_scheduler_shutdown(s) == 0, "the scheduler did not end");
    vm->DestroyJavaVM();
    return nullptr;
}

void print_row(const char *what, const Depth &depth, const char *slot)
{
    printf("| %s | %zu | %zu | %s |\n", what, depth.first_bytes, depth.later_bytes, slot);
}

}  // namespace

int main(int count, char **arguments)
{
    must(count == 2, "usage: stack_depth_jni LIBJVM");
    void *libjvm = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL);
    must(libjvm, "cannot load that libjvm");
    pthread_attr_t attributes;
    pthread_t carrier;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, CARRIER_STACK);
    must(pthread_create(&carrier, &attributes, carry, libjvm) == 0, "no thread");
    pthread_join(carrier, nullptr);

    print_row("JNI upcall by strand_call_on_carrier, on the strand", on_strand, "fits");
    print_row("JNI upcall by strand_call_on_carrier, on the carrier", on_carrier,
              "the carrier's stack");
    print_row("JNI functions that run no Java, on a strand", functions, "not allowed");
    printf("| JNI upcall on a strand | %s | | not allowed |\n",
           overflows ? "StackOverflowError" : "no StackOverflowError here");
    must(parsed, "Java on the carrier gave no result");
    return on_strand.first_bytes <= MOST_ON_A_STRAND && on_strand.later_bytes <= MOST_ON_A_STRAND
               ? 0
               : 1;
}
