#!/usr/bin/env bats
# Names: what is answered, what is asked of DNS, and what becomes of bad answers. Every test has interfaces, hosts file, resolv.conf and
# name servers of its own, in namespaces.
# ctest: TIMEOUT 600

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

# in_lab SCRIPT ARG...: a script of this directory, in namespaces of its own.
in_lab() { run timeout 300 unshare -mn python3 "$BATS_TEST_DIRNAME/$1" "${@:2}"; }

# Another seed each time in the long run.
seed() { [[ ${SOCKCTL_LONG:-} ]] && echo "$RANDOM" || echo 1; }

@test "getaddrinfo and getnameinfo answer as libc does, but for the differences that are documented" {
    in_lab beside_names.py "$(seed)"
    assert_success
}

@test "a DNS server that lies, stammers or is silent gets nobody to a wrong address, and the message says what it did" {
    in_lab names_hostile.py
    assert_success
}

@test "what is no name is never asked of DNS, and a dead resolver is nothing to who has no name" {
    in_lab names_quiet.py
    assert_success
}

@test "lookups that are cut short end at once and leave nothing behind" {
    in_lab names_cancel.py "$(seed)"
    assert_success
}

@test "resolv.conf, hosts, nsswitch.conf, the options in their place, and several servers of which some are bad" {
    in_lab names_config.py
    assert_success
}
