# Sourced by the scripts beside it: where things are, what must be installed, how a configuration is built.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export root
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'sockctl: %s\n' "$*" >&2; }

# What to look for (a program, or a file), and the Debian package that has it.
build_needs=(cmake:cmake ninja:ninja-build gcc:gcc /usr/include/stdio.h:libc6-dev /usr/include/ares.h:libc-ares-dev
    /usr/include/pcre2.h:libpcre2-dev /usr/include/idn2.h:libidn2-dev /usr/include/openssl/ssl.h:libssl-dev /usr/include/readline/readline.h:libreadline-dev
    /etc/services:netbase)
test_needs=(/usr/include/cmocka.h:libcmocka-dev bats:bats /usr/lib/bats/bats-assert/load.bash:bats-assert
    /usr/lib/bats/bats-support/load.bash:bats-support nginx:nginx-light redis-server:redis-server redis-cli:redis-tools prove:perl
    openssl:openssl stunnel:stunnel4 dnsmasq:dnsmasq-base nsd:nsd nc.openbsd:netcat-openbsd socat:socat zsh:zsh fish:fish dash:dash jq:jq python3:python3
    /usr/lib/python3/dist-packages/jsonschema/__init__.py:python3-jsonschema strace:strace valgrind:valgrind
    mandoc:mandoc shellcheck:shellcheck clang-format:clang-format ip:iproute2 nft:nftables pgrep:procps xxd:xxd
    unshare:util-linux tmux:tmux haproxy:haproxy microsocks:microsocks danted:dante-server tinyproxy:tinyproxy-bin
    /usr/lib/postfix/sbin/master:postfix /usr/lib/dovecot/imap-login:dovecot-imapd /usr/lib/dovecot/pop3-login:dovecot-pop3d
    /usr/lib/dovecot/managesieve-login:dovecot-managesieved vsftpd:vsftpd prosody:prosody slapd:slapd pgbouncer:pgbouncer inspircd:inspircd
    tshark:tshark xmllint:libxml2-utils)
# Large ones, for what only the long run does.
long_needs=('/usr/lib/postgresql/*/bin/postgres:postgresql-15' mariadbd:mariadb-server-core)
fuzz_needs=(clang:clang '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*:libclang-rt-14-dev')

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "run this as root, or install sudo: it is needed for: $*"
        return 1
    fi
}

# need NEEDS...: install the packages of what is not there. Servers that come with them are not started: for the time of the
# installation policy-rc.d forbids it, unless the system has a policy of its own.
need() {
    local entry packages=()
    for entry in "$@"; do
        case $entry in
        /*) compgen -G "${entry%%:*}" >/dev/null || packages+=("${entry#*:}") ;;
        *) command -v "${entry%%:*}" >/dev/null || packages+=("${entry#*:}") ;;
        esac
    done
    [ ${#packages[@]} -eq 0 ] && return 0
    say "installing ${packages[*]}"
    (
        policy=/usr/sbin/policy-rc.d
        if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
            trap 'as_root rm -f "$policy"' EXIT
            trap 'exit 130' INT
            trap 'exit 143' TERM HUP
            # shellcheck disable=SC2016 # $1 belongs to the inner shell
            as_root sh -c 'printf "#!/bin/sh\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy" || exit 1
        fi
        apt() {
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null 2>&1
        }
        if ! log=$(apt update && apt install -y --no-install-recommends "${packages[@]}"); then
            printf '%s\n' "$log" | tail -n 20 >&2
            say "the installation failed; the packages needed are: ${packages[*]}"
            exit 1
        fi
    ) || return 1
    hash -r
}

# build DIR PRESET TARGET [CMAKE-OPTION...]: configure when needed and build; quiet unless it fails.
build() {
    local dir=$1 preset=$2 target=$3 log
    shift 3
    mkdir -p "$dir"
    log=$dir/log
    if ! { cmake -S "$root" -B "$dir" -G Ninja -DSOCKCTL_PRESET="$preset" "$@" && ninja -C "$dir" "$target"; } >"$log" 2>&1; then
        grep -E -A12 '^FAILED|CMake Error|error:' "$log" | head -n 60 >&2 || true
        say "the $preset build failed; all of it is in $log"
        return 1
    fi
}
