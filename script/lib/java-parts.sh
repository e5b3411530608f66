# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names shared with script/test, which includes this
# The parts of script/test that run Java: java, --matrix and echo.

# ---- Java ---------------------------------------------------------------------------------------

java_patience=900
# Half of a suite waits: for another process, for a time. More than two JVMs of many threads at once
# only hold each other up.
java_forks=$((jobs > 1 ? 2 : 1))

# test_java JDK ENGINE CONTEXT [WHAT JVM-OPTIONS]: the engine may be auto. With another build's library
# than the context's, another program than the JDK's java, or some tests alone, where java_build,
# java_program and java_tests say so.
test_java() {
    local home=$1 engine=$2 context=$3 what=${4:-} options=${5:-}
    local version reports name status=0
    version=$(jdk_version "$home")
    name=java-$version-$engine-$context${java_build:+-$java_build}-${what//[^A-Za-z0-9]/-}
    reports=$results/$name
    rm -rf "$reports"
    echo "testing Java $version $engine $context: $what"
    logged "$name" run_maven "$jdk" -Dstrand.native.skip=true -Dstrand.build="$root/build/${java_build:-$context}" \
        -Djvm="${java_program:-$home/bin/java}" -Dstrand.engine="$engine" -Dsurefire.timeout="$java_patience" \
        -DforkCount="$java_forks" -Dstrand.test.jvm="--enable-native-access=ALL-UNNAMED $options" \
        -Dstrand.test.reports="$reports" ${java_tests:+"-Dtest=$java_tests"} \
        surefire:test@default-test || status=$?
    [ "$status" -eq 0 ] || show_log "$name"
    record_junit "$status" java "$version" "$engine" "$context" "$what" "$reports"/TEST-*.xml
    if grep -qsE '(WARNING|FATAL ERROR) in native method' "$results/$name.log" "$reports"/*dumpstream; then
        record java "$version" "$engine" "$context" 0 1 0 "$what: -Xcheck:jni warned"
    fi
}

compile_java() {
    echo "compiling Java"
    logged build-java run_maven "$jdk" -q -Dstrand.native.skip=true -Dstrand.build="$root/build/asm" \
        test-compile && return
    show_log build-java
    record java - all all 0 1 0 'did not compile'
    return 1
}

# test_collected JDK ENGINE CONTEXT COLLECTOR [OPTIONS [WHAT]]: with that collector and -Xcheck:jni.
test_collected() {
    local home=$1 collector=$4 options
    options="-XX:+Use${collector}GC -Xcheck:jni ${5:-}"
    if "$home/bin/java" "-XX:+Use${collector}GC" -version >/dev/null 2>&1; then
        test_java "$1" "$2" "$3" "$collector${6:-}" "$options"
    else
        record java "$(jdk_version "$home")" "$2" "$3" 0 0 0 "$collector: not run, this JDK lacks it"
    fi
}

build_java() {
    local context
    for context in "$@"; do
        build_context "$context" || {
            record java - all "$context" 0 1 0 'the library did not build'
            return 1
        }
    done
    compile_java
}

# Each run with a collector of its own, so that Serial, G1 and ZGC have their turn on every JDK.
test_all_java() {
    local home feature mounted=no
    build_java "${contexts[@]}" || return 0
    for home in "${jdks[@]}"; do
        feature=$(jdk_feature "$home")
        if [ "$feature" -lt 21 ]; then
            test_collected "$home" baton asm Serial
            test_collected "$home" baton asm Z
            test_collected "$home" baton ucontext G1
            continue
        fi
        mounted=yes
        test_collected "$home" mounted asm G1
        test_collected "$home" mounted ucontext Z
        test_collected "$home" baton ucontext Serial
        # Which engine it says, and what every engine promises.
        java_tests='Strand*Test,SchedulerTest,SeveralSchedulersTest,InteropTest' \
            test_collected "$home" auto asm Shenandoah \
            '-XX:+UnlockExperimentalVMOptions -XX:-VMContinuations' ', without continuations'
    done
    [ "$mounted" = yes ] || record java - mounted all 0 0 0 'not run, no JDK ≥ 21'
}

# Every collector with its heap verified before and after each collection, the interpreter alone, and
# all compiled at once.
test_matrix() {
    local home engine engines collector slow verify
    build_java asm || return 0
    java_patience=3600
    slow=-Djunit.jupiter.execution.timeout.mode=disabled # a hang ends by java_patience
    verify="$slow -Xmx64m -XX:+UnlockDiagnosticVMOptions -XX:+VerifyBeforeGC -XX:+VerifyAfterGC"
    for home in "${jdks[@]}"; do
        engines=(baton)
        [ "$(jdk_feature "$home")" -lt 21 ] || engines=(mounted baton)
        for engine in "${engines[@]}"; do
            for collector in Serial Parallel G1 Shenandoah; do
                test_collected "$home" "$engine" asm "$collector" "$verify" ', verified'
            done
            test_collected "$home" "$engine" asm Z \
                "$verify -XX:+ZVerifyRoots -XX:+ZVerifyObjects" ', verified'
            test_collected "$home" "$engine" asm Serial "$slow -Xint" ', interpreted'
            test_collected "$home" "$engine" asm Serial "$slow -Xcomp" ', compiled'
        done
    done
}

require_jdks() {
    local wanted home found
    for wanted in ${STRAND_REQUIRE_JDK:-}; do
        found=no
        for home in "${jdks[@]}"; do
            [ "$(jdk_feature "$home")" != "$wanted" ] || found=yes
        done
        [ "$found" = yes ] ||
            record java "$wanted" all all 0 1 0 'not on this machine, and STRAND_REQUIRE_JDK asks for it'
    done
}

# ---- The echo -----------------------------------------------------------------------------------

# test_echo JDK ENGINE CONTEXT COMMAND...
test_echo() {
    local version=$1 engine=$2 context=$3 log
    log=echo-$version-$engine-$context${rows#rows}
    shift 3
    echo "testing the echo $version $engine $context"
    logged "$log" "$root/script/lib/check-echo" "$@" || show_log "$log"
    record_closing_line echo "$version" "$engine" "$context" "$log"
}

# test_chat JDK ENGINE COMMAND...
test_chat() {
    local version=$1 engine=$2 log
    log=chat-$version-$engine${rows#rows}
    shift 2
    echo "testing the chat $version $engine"
    logged "$log" "$root/script/lib/check-chat" "$@" || show_log "$log"
    record_closing_line chat "$version" "$engine" detect "$log"
}

test_java_chat() { # JDK ENGINE
    test_chat "$(jdk_version "$1")" "$2" "$1/bin/java" -XX:+UseSerialGC -Xmx256m \
        --enable-native-access=ALL-UNNAMED -Dorg.cemlang.strand.engine="$2" \
        -Dorg.cemlang.strand.library="$echo_build/cpp/libstrand.so" \
        -cp "$(cat "$root/target/example-classpath")" Chat
}

test_mounted_refused() {
    local status=0 version said
    version=$(jdk_version "$1")
    said=$results/refused-$version${rows#rows}
    JAVA_HOME=$1 script/echo --engine mounted >"$said.out" 2>"$said.err" ||
        status=$?
    if [ "$status" -eq 2 ] && [ ! -s "$said.out" ] &&
        [ "$(wc -l <"$said.err")" -eq 1 ]; then
        record echo "$version" mounted detect 1 0 0 'refused in one line, as it should be'
    else
        record echo "$version" mounted detect 0 1 0 "not refused in one line: status $status"
    fi
}

# Each waits most of its time, for a process or a time: side by side.
test_all_echoes() {
    local home
    if ! logged build-echo script/echo || ! logged build-echo script/echo --native; then
        show_log build-echo
        record echo - all detect 0 1 0 'did not build'
        return
    fi
    for home in "${jdks[@]}"; do beside test_java_examples "$home"; done
    beside test_echo - native detect "$root/script/echo" --native
    if [ -x build/ucontext/examples/echo ]; then
        beside test_echo - native ucontext "$root/build/ucontext/examples/echo"
    fi
    beside test_scripts
    gather
}

test_java_examples() { # JDK
    local home=$1 version
    version=$(jdk_version "$home")
    test_echo "$version" baton detect env JAVA_HOME="$home" "$root/script/echo" --engine baton
    test_java_chat "$home" baton
    if [ "$(jdk_feature "$home")" -ge 21 ]; then
        test_echo "$version" mounted detect env JAVA_HOME="$home" "$root/script/echo" --engine mounted
        test_java_chat "$home" mounted
    else
        test_mounted_refused "$home"
    fi
}

test_scripts() {
    echo "testing the scripts"
    logged scripts script/lib/check-scripts || show_log scripts
    record_closing_line scripts - - - scripts
}
