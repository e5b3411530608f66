# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names shared with the scripts that include this
# Finding JDKs. A JDK is a folder with bin/java and bin/javac; its version is read from its
# `release` file, which costs nothing, and only without one from a JVM.

jdk_minimum=17

# The resolved home that holds the given java or javac; nothing when that is no JDK. A shim (jenv,
# asdf, macOS's /usr/bin/java) is no link to its JDK, so that java itself is asked then.
jdk_home_of_tool() {
    local tool home
    tool=$(readlink -f -- "$1") || return 0
    home=${tool%/bin/*}
    if ! jdk_has_tools "$home" && [ "${1##*/}" = java ]; then
        home=$("$1" -XshowSettings:properties -version 2>&1 </dev/null |
            sed -n 's/^ *java\.home = //p') || return 0
    fi
    if jdk_has_tools "$home"; then readlink -f -- "$home"; fi
}

jdk_has_tools() {
    [ -n "$1" ] && [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ]
}

# "17.0.15", "25.0.3", "25-ea"; empty when there is none to be had.
jdk_version() {
    local version=
    if [ -r "$1/release" ]; then
        version=$(sed -n 's/^JAVA_VERSION="\(.*\)".*$/\1/p' "$1/release")
    fi
    if [ -z "$version" ]; then
        version=$("$1/bin/java" -XshowSettings:properties -version 2>&1 </dev/null |
            sed -n 's/^ *java\.version = //p') || true
    fi
    printf '%s' "$version"
}

# The feature number: 17 of "17.0.15"; 0 when it cannot be told. 1.8.0 gives 1.
jdk_feature() {
    local version
    version=$(jdk_version "$1")
    version=${version%%[!0-9]*}
    printf '%s' "${version:-0}"
}

jdk_is_usable() {
    jdk_has_tools "$1" && [ "$(jdk_feature "$1")" -ge "$jdk_minimum" ]
}

# Where to look, best first, one a line; what is found there may be no JDK, and may come twice.
jdk_candidates() {
    local folder tool
    if [ -n "${JAVA_HOME:-}" ] && jdk_has_tools "$JAVA_HOME"; then
        readlink -f -- "$JAVA_HOME"
    fi
    while IFS= read -r tool; do
        jdk_home_of_tool "$tool"
    done < <(type -ap javac java)
    for folder in "${STRAND_JVM_FOLDER:-/usr/lib/jvm}"/* \
        /Library/Java/JavaVirtualMachines/*/Contents/Home; do
        if jdk_has_tools "$folder"; then readlink -f -- "$folder"; fi
    done
}

# Every JDK that is new enough, each once, oldest first: home.
jdk_all() {
    local home
    jdk_candidates | awk '!seen[$0]++' | while IFS= read -r home; do
        if jdk_is_usable "$home"; then
            printf '%s\t%s\n' "$(jdk_version "$home")" "$home"
        fi
    done | sort -V | cut -f2-
}

# The JDK to work with: JAVA_HOME, else PATH's, else the newest of the system's folder. Empty: none.
jdk_default() {
    local tool home
    if [ -n "${JAVA_HOME:-}" ]; then
        if jdk_is_usable "$JAVA_HOME"; then
            readlink -f -- "$JAVA_HOME"
            return
        fi
        echo "JAVA_HOME is no JDK $jdk_minimum or newer, looking elsewhere: $JAVA_HOME" >&2
    fi
    for tool in javac java; do
        tool=$(type -P "$tool") || continue
        home=$(jdk_home_of_tool "$tool")
        if [ -n "$home" ] && jdk_is_usable "$home"; then
            printf '%s\n' "$home"
            return
        fi
    done
    jdk_all | tail -n 1
}
