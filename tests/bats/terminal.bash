# Programs on a terminal of their own.
# shellcheck disable=SC2154

# on_terminal WORD...: run it with stdin, stdout and stderr on a terminal (of $size, 24x80), without keys typed. What came out, without CR, is
# $output, and its status $status; 99 when that is no UTF-8, or holds what a terminal would act on.
on_terminal() { run python3 "$BATS_TEST_DIRNAME/terminal.py" "${size:-24x80}" "$@"; }
