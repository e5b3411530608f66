# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names shared with the scripts that include this
# The two builds as the scripts call them. Nothing here reads standard input, which belongs to the
# program that is run afterwards, or writes to standard output. Needs: root, and jdk.sh.

native_sources=(CMakeLists.txt cmake cpp asm include examples script/lib/build.sh)
java_sources=(pom.xml java examples script/lib)

jobs=$(nproc 2>/dev/null || echo 2)

# ---- What changed -------------------------------------------------------------------------------

# Path, time and size of every source file: a file edited, added, removed or put back from a copy
# all show, which a look for files newer than a stamp would miss. So does a folder that was moved: a
# build holds its path.
listing_of() {
    (cd "$root" && { echo "$root" && find "$@" -type f -printf '%p\t%T@\t%s\n' 2>/dev/null; } |
        LC_ALL=C sort)
}

# is_current LISTING OUTPUT SOURCES...
is_current() {
    local listing=$1 output=$2
    shift 2
    [ -f "$listing" ] && [ -f "$output" ] && [ "$(listing_of "$@")" = "$(cat "$listing")" ]
}

# Whether a file came that is no newer than the last build, such as a backup put back, or all of them
# by a move: builds that compare times do not see it, and have to start afresh.
came_with_an_old_time() {
    local listing=$1
    shift
    [ -f "$listing" ] || return 1
    listing_of "$@" | LC_ALL=C comm -13 "$listing" - | awk -F '\t' \
        -v built="$(stat -c %Y "$listing")" 'NF == 1 || $2 < built { old = 1 } END { exit !old }'
}

# ---- One build at a time ------------------------------------------------------------------------

lock_build() {
    mkdir -p "$root/build"
    if type -P flock >/dev/null; then
        exec 9>"$root/build/.lock"
        flock -n 9 || { echo "waiting for another build" >&2; flock 9; }
    fi
}

unlock_build() { exec 9>&-; }

# ---- CMake --------------------------------------------------------------------------------------

# What the native build runs under; a build runs the tests it has made, to list them.
native_build_prefix=()
# Only these targets; all where there is none.
native_build_targets=()

# native_build FOLDER JDK OPTIONS...
native_build() {
    local folder=$1 jdk=$2 fresh=()
    shift 2
    if ! type -P make >/dev/null; then set -- -G Ninja "$@"; fi
    if [ -f "$folder/CMakeCache.txt" ] && ! cache_fits "$folder"; then fresh=(--fresh); fi
    JAVA_HOME=$jdk cmake "${fresh[@]}" -S "$root" -B "$folder" -DJAVA_HOME="$jdk" "$@" \
        </dev/null >&2 &&
        JAVA_HOME=$jdk "${native_build_prefix[@]}" cmake --build "$folder" --parallel "$jobs" \
            ${native_build_targets[@]:+--target "${native_build_targets[@]}"} </dev/null >&2
}

# A cache holds paths: of this folder, and of the JDK's headers. Either may have moved since.
cache_fits() {
    local headers
    grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$1/CMakeCache.txt" || return 1
    headers=$(sed -n 's/^JAVA_INCLUDE_PATH:[A-Z]*=//p' "$1/CMakeCache.txt")
    [ -z "$headers" ] || [ -d "$headers" ]
}

# ---- Maven --------------------------------------------------------------------------------------

# run_maven JDK ARGUMENTS...: on that JDK, with the warnings off that Maven's own libraries earn
# from JDK 24 on.
run_maven() {
    local jdk=$1 options=${MAVEN_OPTS:-}
    shift
    if [ "$(jdk_feature "$jdk")" -ge 24 ]; then
        options="--enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow $options"
    fi
    JAVA_HOME=$jdk MAVEN_OPTS=$options mvn -B -f "$root/pom.xml" \
        -Dmaven.wagon.http.retryHandler.count=3 "$@" </dev/null 2>&1 |
        sed $'s/\033\\[[0-9;]*m//g' >&2 # it resets colours even where it was told to use none
}

# ---- What script/echo needs ---------------------------------------------------------------------

echo_build=$root/build/echo

build_native_echo() {
    local listing=$echo_build/sources output=$echo_build/examples/echo
    is_current "$listing" "$output" "${native_sources[@]}" && return
    lock_build
    if ! is_current "$listing" "$output" "${native_sources[@]}"; then
        if came_with_an_old_time "$listing" "${native_sources[@]}"; then rm -rf "$echo_build"; fi
        mkdir -p "$echo_build"
        listing_of "${native_sources[@]}" >"$listing.new"
        rm -f "$listing"
        echo "building the native side" >&2
        native_build "$echo_build" "$1" -DSTRAND_CONTEXT=detect -DSTRAND_TESTS=OFF \
            -DSTRAND_EXAMPLES=ON -DSTRAND_JNI=ON || return
        mv "$listing.new" "$listing"
    fi
    unlock_build
}

build_java_echo() {
    local listing=$root/target/sources output=$root/target/example-classes/Echo.class
    is_current "$listing" "$output" "${java_sources[@]}" && return
    lock_build
    if ! is_current "$listing" "$output" "${java_sources[@]}"; then
        if came_with_an_old_time "$listing" "${java_sources[@]}"; then
            rm -rf "$root/target/classes" "$root/target/maven-status"
        fi
        mkdir -p "$root/target"
        listing_of "${java_sources[@]}" >"$listing.new"
        rm -f "$listing"
        echo "building the Java side" >&2
        run_maven "$1" -q -DskipTests -Dstrand.native.skip=true -Dstrand.build="$echo_build" \
            process-classes || return
        mv "$listing.new" "$listing"
    fi
    unlock_build
}
