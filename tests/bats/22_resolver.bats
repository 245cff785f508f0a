#!/usr/bin/env bats
# Names: what is answered, what is asked of DNS, and what becomes of bad answers. Every test has interfaces, hosts file, resolv.conf and
# name servers of its own, in namespaces.
# ctest: TIMEOUT 600

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

# in_lab SCRIPT ARG...: a script of this directory, in namespaces of its own.
in_lab() { run timeout 300 unshare -mn python3 "$BATS_TEST_DIRNAME/$1" "${@:2}"; }

@test "getaddrinfo and getnameinfo answer as libc does, but for the differences that are documented" {
    in_lab beside_names.py "$RANDOM"
    assert_success
}
