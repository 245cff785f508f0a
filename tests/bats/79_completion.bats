#!/usr/bin/env bats
# Tab in the shell: what may stand there, from the session, the command table and the kernel; never from a name server.
# ctest: TIMEOUT 300
# shellcheck disable=SC2016 # a $ is for the shell that is tested
load sockets
load shell

setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
    stop_shell
    [[ -z ${net:-} ]] || {
        kill "$logger"
        ip netns del "$net"
        rm -r "/etc/netns/$net"
    }
}

# tab TEXT LINE: type TEXT and Tab on a new line: the line is LINE then.
tab() {
    keys C-u
    type_text "$1"
    keys Tab
    ends_with "${prompt} $2"
}

@test "options of the socket and their values, constants, settings of TCP" {
    start_shell
    enter 'a = socket AF_UNIX SOCK_STREAM'
    ends_with 'sockctl a new>'
    enter 't = socket AF_INET SOCK_STREAM'
    prompt='sockctl t new>'
    ends_with "$prompt"
    tab 'setsockopt TCP_NOD' 'setsockopt TCP_NODELAY'
    tab 'setsockopt so_rcvbuff' 'setsockopt SO_RCVBUFFORCE'
    tab 'setsockopt TCP_NODELAY of' 'setsockopt TCP_NODELAY off'
    tab 'setsockopt TCP_NODELAY=of' 'setsockopt TCP_NODELAY=off'
    tab 'setsockopt SOL_SOCKET SO_KEEPA' 'setsockopt SOL_SOCKET SO_KEEPALIVE'
    tab 'setsockopt SOL_SOCKET SO_KEEPALIVE of' 'setsockopt SOL_SOCKET SO_KEEPALIVE off'
    tab 'setsockopt TCP_CONGESTION cub' 'setsockopt TCP_CONGESTION cubic'
    tab 'setsockopt SO_BINDTODEVICE l' 'setsockopt SO_BINDTODEVICE lo'
    tab 'setsockopt SO_PRIORITY ' 'setsockopt SO_PRIORITY 0' # as it is now
    tab 'a.setsockopt TCP_NOD' 'a.setsockopt TCP_NOD'         # no option of such a socket
    tab 'setsockopt -s a TCP_NOD' 'setsockopt -s a TCP_NOD'
    tab 'setsockopt SO_ACCEPTC' 'setsockopt SO_ACCEPTC' # read only
    tab 'getsockopt SO_ACCEPTC' 'getsockopt SO_ACCEPTCONN'
    tab 'constants AF_UNI' 'constants AF_UNIX'
}

@test "addresses used before, names of /etc/hosts; no name server is asked" {
    net=sockctl-79-$$
    mkdir -p "/etc/netns/$net"
    echo '127.0.0.1 printer.example' > "/etc/netns/$net/hosts"
    echo 'nameserver 127.0.0.1' > "/etc/netns/$net/resolv.conf"
    ip netns add "$net"
    ip -n "$net" link set lo up
    ip netns exec "$net" python3 - > asked 3>&- << 'PY' &
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(4096)
    print(data, flush=True)
    s.sendto(data[:2] + b"\x81\x83" + data[4:], peer)  # no such name
PY
    logger=$!
    until [[ -s asked ]]; do read -rt 0.05 <> <(:) || kill -0 "$logger"; done
    start_in ip netns exec "$net" sockctl
    see 'sockctl>'
    enter 'srv = listen :0; srv2 = listen udp://127.0.0.1:5353; c = connect udp://127.0.0.1:5353; c.close; srv2.close; use srv'
    prompt='sockctl srv listen>'
    ends_with "$prompt"
    tab 'connect pri' 'connect printer.example'
    tab 'connect udp://127.0.0.1:53' 'connect udp://127.0.0.1:5353'
    tab 'connect sock:s' 'connect sock:srv'
    tab 'connect nosuch.exam' 'connect nosuch.exam'
    tab 'connect nosuch.example:htt' 'connect nosuch.example:htt'
    tab 'getaddrinfo nosuch.exam' 'getaddrinfo nosuch.exam'
    tab 'resolve nosuch.exam' 'resolve nosuch.exam'
    assert_equal "$(< asked)" ready
    keys C-u
    enter 'getaddrinfo nosuch.example 80' # to see that it would be told
    see 'nosuch.example'
    ends_with "$prompt"
    [[ $(< asked) == *nosuch* ]]
}
