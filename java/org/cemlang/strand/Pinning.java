// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

/** Why a virtual thread cannot leave its carrier, in words. */
final class Pinning {
    private Pinning() {}

    static String cause(StackTraceElement[] stack) {
        for (StackTraceElement frame : stack) {
            String where = frame.getClassName();
            if (frame.getMethodName().equals("<clinit>")) {
                return "it is in the class initialiser of " + where;
            }
            if (frame.isNativeMethod() && !where.startsWith("java.lang.")
                    && !where.startsWith("jdk.internal.")
                    && !where.equals(Native.class.getName())) {
                return "it is in the native method " + where + "." + frame.getMethodName();
            }
        }
        return "it is in a native method, or holds a monitor";
    }
}
