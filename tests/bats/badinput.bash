#!/bin/bash
# badinput.bash DOOR TABLE DIR: every row of the table through one door. Prints a line for each row whose outcome is another than the table's, then "N rows".
# It is a program of its own so that one strace can watch a whole door.
door=$1 table=$2 dir=$3
rows=0

# told STATUS WANTED REGEXP LINE MESSAGE LINES: compare one outcome.
told() {
    local status=$1 wanted=$2 regexp=$3 line=$4 message=$5 lines=$6
    ((rows += 1))
    [[ $status == "$wanted" ]] || printf '%s: status %s, not %s: %s\n' "$line" "$status" "$wanted" "$message"
    [[ $message =~ $regexp ]] || printf '%s: message does not match /%s/: %s\n' "$line" "$regexp" "$message"
    [[ $lines == 1 ]] || printf '%s: %s lines on stderr\n' "$line" "$lines"
}

# run_one LINE: through the door; stdout and stderr go to files.
run_one() {
    local words
    case $door in
    a | d) eval "words=($1)" ;;
    f) printf '%s\n' "$1" > "$dir/script" ;;
    esac
    case $door in
    a) sockctl "${words[@]}" ;;
    d) sockctl 'do' "${words[@]}" ;;
    c) sockctl -c "$1" ;;
    f) sockctl -f "$dir/script" ;;
    esac < /dev/null > "$dir/out" 2> "$dir/err"
}

# All lines through one process; answers come one a line.
run_machine() {
    local answers wanted regexp line i=0
    while IFS=$'\t' read -r _ wanted regexp line; do
        printf '%s\n' "$line"
    done < "$dir/rows" | sockctl -i --json 2> "$dir/err" |
        jq -r '[(.error // (.results // [] | map(select(.ok | not))[0].error) // {exit: 0, message: "no error"}) | .exit, .message] | @tsv' > "$dir/answers"
    mapfile -t answers < "$dir/answers"
    while IFS=$'\t' read -r _ wanted regexp line; do
        IFS=$'\t' read -r status message <<< "${answers[i++]}"
        told "$status" "$wanted" "$regexp" "$line" "$message" 1
    done < "$dir/rows"
    ((${#answers[@]} == i)) || echo "${#answers[@]} answers to $i lines"
}

run_each() {
    local wanted regexp line message
    while IFS=$'\t' read -r _ wanted regexp line <&3; do
        run_one "$line"
        status=$?
        mapfile -t message < "$dir/err"
        told "$status" "$wanted" "$regexp" "$line" "${message[0]}" "${#message[@]}"
        [[ ! -s $dir/out ]] || printf '%s: something is on stdout\n' "$line"
    done 3< "$dir/rows"
}

grep -v '^#' "$table" | grep -E "^[a-z]*(\*|$door)" > "$dir/rows"
if [[ $door == m ]]; then run_machine; else run_each; fi
echo "$rows rows"
