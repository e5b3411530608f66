# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names shared with the scripts that include this
# What ran, how it ended and how long it took: one row a run, kept in build/test, printed as a table at
# the end. What was built for a run counts to it.

results=$root/build/test
rows=rows # in $results; what runs beside has its own

start_results() {
    mkdir -p "$results"
    rm -f "$results"/*.log "$results"/*.built "$results"/rows*
    : >"$results/$rows"
    recorded_at=$SECONDS
}

# record TESTS JDK ENGINE CONTEXT PASSED FAILED SKIPPED WHY
record() {
    local IFS=$'\t'
    printf '%s\n' "$((SECONDS - ${recorded_at:-SECONDS}))$IFS$*" >>"$results/$rows"
    recorded_at=$SECONDS
}

# beside COMMAND...: in the background, as many at once as there are cores. Its rows come into the
# table by gather, in the order in which they were begun; one that does not come to its end breaks off.
beside() {
    trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM
    while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do wait -n || true; done # how it ended, gather tells
    begun+=("$*")
    : >"$results/rows.${#begun[@]}"
    (
        rows=rows.${#begun[@]} recorded_at=$SECONDS
        "$@"
        [ $? -ne 0 ] || : >"$results/$rows.ended"
    ) &
}
begun=()

gather() {
    local i
    wait
    for ((i = 1; i <= ${#begun[@]}; i++)); do
        cat "$results/rows.$i" >>"$results/$rows"
        if [ ! -f "$results/rows.$i.ended" ] || [ ! -s "$results/rows.$i" ]; then
            record "${begun[i - 1]}" - - - 0 1 0 'broke off'
        fi
    done
    begun=() recorded_at=$SECONDS
    rm -f "$results"/rows.*
}

# logged NAME COMMAND...: its output into build/test/NAME.log.
logged() {
    local log=$results/$1.log
    shift
    "$@" >>"$log" 2>&1
}

# The end of a log, without ctest's lines for what passed.
show_log() {
    echo "---- the end of build/test/$1.log" >&2
    grep -vE '^ +Start +[0-9]+: | +Passed +[0-9.]+ sec$' "$results/$1.log" | tail -n 150 >&2
    echo "----" >&2
}

# record_junit STATUS TESTS JDK ENGINE CONTEXT WHAT FILE...: the sum over JUnit reports, as ctest and
# Surefire write them. A run that ended badly (STATUS) with no failed test to show for it broke off,
# and one in which no test passed tested nothing: both are failures.
record_junit() {
    local status=$1 row=("${@:2:4}") what=$6 passed failed skipped why trouble=
    shift 6
    read -r passed failed skipped < <(cat -- "$@" 2>/dev/null | junit_counts)
    why=$(cat -- "$@" 2>/dev/null | junit_reasons) || true # no report is a failure, below
    if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
        failed=1 trouble='no test ran'
    elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1 trouble='broke off'
    fi
    record "${row[@]}" "$passed" "$failed" "$skipped" "$(join_words "$what" "$trouble" "$why")"
}

join_words() {
    local text= word
    for word in "$@"; do
        if [ -n "$word" ]; then text+="${text:+; }$word"; fi
    done
    printf '%s' "$text"
}

junit_counts() {
    grep '<testsuite ' -A 12 | tr '\n' ' ' | sed 's/<testsuite /\n&/g' | awk '
        function attribute(name) {
            return match($0, "[ \t]" name "=\"[0-9]+") \
                ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0 : 0
        }
        /^<testsuite / {
            sub(/>.*/, "")
            bad = attribute("failures") + attribute("errors")
            skip = attribute("skipped") + attribute("disabled")
            failed += bad; skipped += skip; passed += attribute("tests") - bad - skip
        }
        END { print passed + 0, failed + 0, skipped + 0 }'
}

# The reasons given for skipping, each once: Surefire has them as an attribute, GoogleTest in what
# it prints after a line that ends in "Skipped".
junit_reasons() {
    awk '
        match($0, /<skipped [^>]*message="[^"]*"/) {
            reason = substr($0, RSTART, RLENGTH)
            sub(/.*message="/, "", reason); sub(/"$/, "", reason)
            sub(/^Assumption failed: /, "", reason)
            if (reason !~ /^SKIP_/) print reason
        }
        after && NF { print; after = 0 }
        /: Skipped$/ { after = 1 }' | sed 's/&gt;/>/g; s/&lt;/</g; s/&quot;/"/g; s/&amp;/\&/g' |
        sort -u | awk 'NR > 1 { printf "; " } { printf "%s", $0 }'
}

# record_closing_line TESTS JDK ENGINE CONTEXT LOG: from a log's `N passed, N failed, N skipped`, and
# its lines `skipped: WHY`.
record_closing_line() {
    local counts why
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' \
        "$results/$5.log" | tail -n 1)
    why=$(sed -n 's/^skipped: //p' "$results/$5.log" | sort -u |
        awk 'NR > 1 { printf "; " } { printf "%s", $0 }')
    # shellcheck disable=SC2086 # three numbers
    record "${@:1:4}" ${counts:-0 1 0} \
        "$(join_words "$([ -n "$counts" ] || echo 'broke off')" "$why")"
}

# The table, its sum, and 1 when something failed or nothing passed.
print_results() {
    echo
    awk -F '\t' -v seconds="$SECONDS" '
        BEGIN {
            form = "%-8s %-12s %-8s %-9s %6s %6s %7s %5s  %s\n"
            printf form, "tests", "JDK", "engine", "context", "passed", "failed", "skipped", "s", "why"
        }
        NF > 1 {
            printf form, $2, $3, $4, $5, $6, $7, $8, $1, $9
            passed += $6; failed += $7; skipped += $8
        }
        END {
            printf "\n%d passed, %d failed, %d skipped in %d s\n", passed, failed, skipped, seconds
            exit failed > 0 || passed == 0
        }' "$results/$rows"
}
