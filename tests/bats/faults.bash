# What the tests of faults share: when a process has come to rest, and strace.
# shellcheck disable=SC2154 # what run sets

# at_rest PID: wait until it sleeps and did nothing between many looks. (With the thread sanitizer, which defers signals, it looks
# for them now and then.)
at_rest() {
    local now before='' calm=0 marks='^(State|voluntary)'
    [[ ${SOCKCTL_PRESET:-} != tsan ]] || marks='^State'
    while ((calm < 30)); do
        now=$(grep -E "$marks" "/proc/$1/status") || return
        [[ $now == *State:*S* && $now == "$before" ]] && calm=$((calm + 1)) || calm=0
        before=$now
    done
}

# under_strace OPTION... -- WORD...: sockctl WORD... with its system calls in the file trace.
under_strace() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    strace -qq -o "$BATS_TEST_TMPDIR/trace" "${options[@]}" sockctl "$@"
}
