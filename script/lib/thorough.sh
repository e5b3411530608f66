# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names shared with script/test, which includes this
# The parts of script/test that take long: --sanitize, --coverage, --fuzz and --stress.

# ---- --sanitize ---------------------------------------------------------------------------------

# A java that has AddressSanitizer's library before all others. HotSpot's own faults stay HotSpot's, and
# its memory is nobody's leak.
write_sanitized_java() { # FILE JDK; Surefire wants it to be called java
    mkdir -p "$(dirname "$1")"
    printf '#!/bin/sh\nexport LD_PRELOAD=%s\nexport ASAN_OPTIONS=%s\nexec "%s/bin/java" "$@"\n' \
        "$(cc -print-file-name=libasan.so)" \
        'detect_leaks=0:handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:detect_stack_use_after_return=0' \
        "$2" >"$1"
    chmod +x "$1"
}

test_java_sanitized() {
    local home engine
    native_build_targets=(strand strand_native_support strand_other_version)
    if ! build_native asan-java -DSTRAND_CONTEXT=asm -DSTRAND_JNI=ON -DSTRAND_SANITIZE=address; then
        record java - all asm 0 1 0 'AddressSanitizer: did not build'
    elif compile_java; then
        for home in "${jdks[@]}"; do
            write_sanitized_java "$results/sanitized/bin/java" "$home"
            for engine in baton mounted; do
                [ "$engine" = baton ] || [ "$(jdk_feature "$home")" -ge 21 ] || continue
                java_program=$results/sanitized/bin/java java_build=asan-java \
                    test_java "$home" "$engine" asm AddressSanitizer -XX:+UseSerialGC
            done
        done
    fi
    native_build_targets=()
}

test_refusals() {
    if build_context asm; then
        echo "testing with calls refused by strace"
        logged refusals script/lib/check-refusals build/asm || show_log refusals
        record_closing_line refusals - native asm refusals
    else
        record refusals - native asm 0 1 0 'did not build'
    fi
}

test_sanitized_wholly() {
    local context
    for context in "${contexts[@]}"; do test_asan "$context"; done
    test_tsan
    test_java_sanitized
    test_under_valgrind whole
    test_refusals
}

# ---- --coverage ---------------------------------------------------------------------------------

# Branches that only a bug of ours would take (CHECK) do not count.
report_coverage() {
    local percent
    gcovr --root "$root" --filter "$root/cpp/" --object-directory "$root/build/coverage" \
        --exclude-branches-by-pattern '.*CHECK\(.*' --exclude-unreachable-branches --branches \
        --txt "$results/coverage.txt" --html-details "$results/coverage.html" \
        "$root/build/coverage" || return
    percent=$(sed -n 's/^TOTAL .* \([0-9]*\)%.*/\1/p' "$results/coverage.txt")
    cat "$results/coverage.txt"
    if [ "${percent:-0}" -ge "$coverage_wanted" ]; then
        record coverage - all asm 1 0 0 "$percent % of the branches of cpp"
    else
        record coverage - all asm 0 1 0 "$percent % of the branches of cpp, $coverage_wanted are wanted"
    fi
}
coverage_wanted=90

test_coverage() {
    local home
    script/setup coverage || true # what is missing is said below
    if ! type -P gcovr >/dev/null; then
        record coverage - all asm 0 0 0 'not run, no gcovr on this machine'
        return
    fi
    rm -rf "$root/build/coverage" # counts of other code
    if ! build_native coverage -DSTRAND_CONTEXT=asm -DSTRAND_JNI=ON -DSTRAND_COVERAGE=ON \
        -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O1 -g' "${plain_tests[@]}"; then
        record coverage - all asm 0 1 0 'did not build'
        return
    fi
    test_native coverage asm 'branches counted'
    if compile_java; then
        for home in "${jdks[@]}"; do
            java_build=coverage test_java "$home" baton asm 'branches counted' -XX:+UseSerialGC
            if [ "$(jdk_feature "$home")" -ge 21 ]; then
                java_build=coverage test_java "$home" mounted asm 'branches counted' -XX:+UseSerialGC
            fi
        done
    fi
    report_coverage || record coverage - all asm 0 1 0 'gcovr failed'
}

# ---- --fuzz and --stress ------------------------------------------------------------------------

test_fuzz() {
    local seconds
    if ! script/setup fuzz; then
        record fuzz - native detect 0 0 0 'not run, no libFuzzer on this machine'
        return
    fi
    native_build_targets=(fuzz_line_buffer fuzz_address fuzz_scheduler fuzz_stream)
    if build_native fuzz -DSTRAND_FUZZ=ON -DSTRAND_SANITIZE=address,undefined -DSTRAND_JNI=OFF \
        -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++; then
        seconds=$(awk -v m="$fuzz_minutes" 'BEGIN { print int(m * 60 + 0.5) }')
        echo "fuzzing, $seconds s each"
        logged fuzz script/lib/check-fuzz build/fuzz "$seconds" || show_log fuzz
        record_closing_line fuzz - native detect fuzz
        grep ' inputs, ' "$results/fuzz.log" || true
    else
        record fuzz - native detect 0 1 0 'did not build'
    fi
    native_build_targets=()
}

test_stress() {
    local home=${jdks[-1]}
    if [ "$(jdk_feature "$home")" -lt 21 ]; then
        record stress - mounted asm 0 0 0 'not run, no JDK 21 or later on this machine'
    elif build_context asm; then
        echo "testing under stress"
        logged stress script/lib/check-stress "$home" "$root/build/asm/cpp/libstrand.so" ||
            show_log stress
        record_closing_line stress "$(jdk_version "$home")" mounted asm stress
    else
        record stress - mounted asm 0 1 0 'the library did not build'
    fi
}
