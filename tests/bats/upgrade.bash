# Servers that begin in plain text and change to TLS, in a network namespace of the test's own (servers.bash) and in $HOME_OF_SERVERS:
# some of them run as users of their own, for whom the directories of bats are closed.
# shellcheck disable=SC2034,SC2016  # names for those that load this; expressions for an inner shell

load servers
load tls

start_home() {
    HOME_OF_SERVERS=$(mktemp -d /tmp/sockctl-servers.XXXXXX)
    export HOME_OF_SERVERS
    chmod 755 "$HOME_OF_SERVERS"
    cp server.pem server.key root.pem "$HOME_OF_SERVERS"
}

start_postfix() {
    local dir=$HOME_OF_SERVERS/postfix name
    for name in queue/pid queue/private queue/public data; do
        mkdir -p "$dir/$name"
    done
    chown postfix "$dir/data" "$dir/queue/private" "$dir/queue/public"
    cat > "$dir/main.cf" << CONF
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
inet_interfaces = 127.0.0.1
myhostname = mail.example.test
local_recipient_maps =
alias_maps =
maillog_file = $dir/log
maillog_file_prefixes = $dir
smtpd_tls_security_level = may
smtpd_tls_chain_files = $HOME_OF_SERVERS/server.key, $HOME_OF_SERVERS/server.pem
CONF
    cat > "$dir/master.cf" << CONF
25 inet n - n - - smtpd
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
CONF
    background setsid /usr/lib/postfix/sbin/master -c "$dir" -d # it ends its process group
}

start_dovecot() {
    local dir=$HOME_OF_SERVERS/dovecot
    mkdir -p "$dir"
    cat > "$dir/conf" << CONF
base_dir = $dir/run
log_path = $dir/log
protocols = imap pop3 sieve
listen = 127.0.0.1
ssl = required
ssl_cert = <$HOME_OF_SERVERS/server.pem
ssl_key = <$HOME_OF_SERVERS/server.key
default_internal_user = dovecot
default_login_user = dovenull
service imap-login {
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3s {
    port = 0
  }
}
passdb {
  driver = static
  args = nopassword=y
}
CONF
    background dovecot -F -c "$dir/conf"
}

start_vsftpd() {
    local dir=$HOME_OF_SERVERS/vsftpd
    mkdir -p "$dir/empty"
    cat > "$dir/conf" << CONF
listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=YES
anon_root=$dir/empty
secure_chroot_dir=$dir/empty
seccomp_sandbox=NO
ssl_enable=YES
allow_anon_ssl=YES
rsa_cert_file=$HOME_OF_SERVERS/server.pem
rsa_private_key_file=$HOME_OF_SERVERS/server.key
ssl_tlsv1=YES
ssl_ciphers=HIGH
CONF
    background vsftpd "$dir/conf"
}

start_prosody() {
    local dir=$HOME_OF_SERVERS/prosody
    mkdir -p "$dir"
    cat > "$dir/conf.cfg.lua" << CONF
run_as_root = true
pidfile = "$dir/pid"
data_path = "$dir"
log = { info = "$dir/log" }
modules_enabled = { "tls", "saslauth" }
modules_disabled = { "s2s" }
interfaces = { "127.0.0.1" }
c2s_require_encryption = true
ssl = { certificate = "$HOME_OF_SERVERS/server.pem", key = "$HOME_OF_SERVERS/server.key" }
VirtualHost "localhost"
CONF
    background prosody -F --config "$dir/conf.cfg.lua"
}

start_slapd() {
    local dir=$HOME_OF_SERVERS/slapd
    mkdir -p "$dir"
    cat > "$dir/conf" << CONF
pidfile $dir/pid
TLSCertificateFile $HOME_OF_SERVERS/server.pem
TLSCertificateKeyFile $HOME_OF_SERVERS/server.key
CONF
    background slapd -d 0 -h ldap://127.0.0.1 -f "$dir/conf"
}

start_pgbouncer() {
    local dir=$HOME_OF_SERVERS/pgbouncer
    mkdir -p "$dir"
    chown nobody "$dir"
    install -o nobody -m 600 server.key "$dir/key"
    cat > "$dir/conf" << CONF
[databases]
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 5432
unix_socket_dir =
admin_users = user
auth_type = trust
auth_file = $dir/users
client_tls_sslmode = require
client_tls_cert_file = $HOME_OF_SERVERS/server.pem
client_tls_key_file = $dir/key
CONF
    echo '"user" ""' > "$dir/users"
    background pgbouncer -u nobody "$dir/conf"
}

start_inspircd() {
    local dir=$HOME_OF_SERVERS/inspircd
    mkdir -p "$dir"
    chown irc "$dir"
    install -o irc -m 600 server.key "$dir/key"
    cat > "$dir/conf" << CONF
<server name="irc.example.test" description="test" network="Test">
<admin name="a" nick="a" email="a@example.test">
<bind address="127.0.0.1" port="6667" type="clients">
<connect name="main" allow="*" timeout="60" resolvehostnames="no" useident="no">
<module name="ssl_gnutls">
<sslprofile name="Clients" provider="gnutls" certfile="$HOME_OF_SERVERS/server.pem" keyfile="$dir/key">
<module name="starttls">
<starttls profile="Clients">
<pid file="$dir/pid">
<path datadir="$dir" logdir="$dir" runtimedir="$dir">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="$dir/log">
CONF
    background inspircd --nofork --nopid --config "$dir/conf" --runasroot
}

# Heavy ones, for the long run.
start_postgres() {
    local dir=$HOME_OF_SERVERS/postgres bin
    bin=$(dirname /usr/lib/postgresql/*/bin/postgres)
    install -d -o postgres -m 700 "$dir"
    install -o postgres -m 600 server.key "$dir/key"
    setpriv --reuid postgres --regid postgres --clear-groups "$bin/initdb" -D "$dir/data" --no-sync -A trust -U user > /dev/null
    background setpriv --reuid postgres --regid postgres --clear-groups "$bin/postgres" -D "$dir/data" -k '' -p 5433 -c listen_addresses=127.0.0.1 \
        -c ssl=on -c "ssl_cert_file=$HOME_OF_SERVERS/server.pem" -c "ssl_key_file=$dir/key"
}

start_mariadb() {
    local dir=$HOME_OF_SERVERS/mariadb
    mkdir -p "$dir"
    mariadb-install-db --no-defaults --user=root --datadir="$dir/data" --skip-test-db > "$dir/install.log" 2>&1
    background mariadbd --no-defaults --user=root --datadir="$dir/data" --socket="$dir/socket" --bind-address=127.0.0.1 --port=3307 \
        --pid-file="$dir/pid" --ssl-cert="$HOME_OF_SERVERS/server.pem" --ssl-key="$HOME_OF_SERVERS/server.key"
}

# python_server PROTOCOL: its words by upgrade_peer.py, TLS by Python: $port.
python_server() {
    local out
    out=$(mktemp -p "$BATS_FILE_TMPDIR" port.XXXXXX)
    (exec ip netns exec "$NETNS" python3 "$BATS_TEST_DIRNAME/upgrade_peer.py" server.pem server.key "$1" > "$out" 2>&1 3>&-) &
    server=$!
    port=$(timeout 20 bash -c 'until grep -m 1 "^[0-9]*$" "$1"; do kill -0 "$2" || exit; done' - "$out" "$server")
}
