/* The options that many commands share. */
#include "lang/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/names.h"
#include "lang/arena.h"
#include "sock/upgrade.h"

const char *const format_names[] = { "auto", "raw", "text", "escape", "hex", "hexdump", "base64", "json", NULL };
static const char *const bytes_words[] = { "base64", "hex", "text", "all", NULL }; /* enum bytes_as */
const char *const color_names[] = { "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white", NULL };
static const char *const color_words[] = { "auto", "always", "never", NULL };

static const char *const tls_versions[] = { "1.0", "1.1", "1.2", "1.3", NULL };

enum { ADDRESSED = NEED_SOCK | MAY_SOCK, TLS_EITHER = TLS_CLIENT | TLS_SERVER };

const struct common_row common_rows[] = {
    { OPT('s', "socket", K_SOCK, "the socket to use; NAME.COMMAND is the same"), ADDRESSED },
    { OPT('t', "timeout", K_TIME, "total time this command may take (bare numbers are seconds; inf)"), WAITS },
    { OPT('F', "format", K_CHOICE, "form of bytes", .choices = format_names), PRINTS },
    { OPT('e', "escape", K_FLAG, "the same as --format escape"), PRINTS },
    { OPT('j', "json", K_FLAG, "one JSON object a result"), 0 },
    { OPT(0, "bytes", K_CHOICE, "what stands for bytes in JSON (default: text and base64)", .choices = bytes_words),
      0 },
    { OPT('o', "output", K_FILE, "write the result to FILE (- is stdout)"), 0 },
    { OPT('4', "ipv4", K_FLAG, "IPv4 addresses only"), FAMILIES },
    { OPT('6', "ipv6", K_FLAG, "IPv6 addresses only"), FAMILIES },
    { OPT('u', "udp", K_FLAG, "datagrams instead of a stream"), UDP },
    { OPT(0, "server", K_SERVERS, "ask these DNS servers, in this order; may be given several times"), NAMES },
    { OPT(0, "tcp", K_FLAG, "ask DNS over TCP"), NAMES },
    { OPT(0, "hosts", K_FLAG, "look into the hosts file (default; --no-hosts: not)"), NAMES },
    { OPT(0, "search", K_FLAG, "try resolv.conf's search list (default; --no-search: not)"), NAMES },
    { OPT(0, "resolve", K_OVERRIDE, "this name has this address; may be given several times"), NAMES },
    { OPT(0, "proxy", K_PROXY, "connect through this proxy, which resolves the name"), PROXIES },
    { OPT(0, "proxy-auth", K_TEXT, "where USER:PASSWORD for the proxy is: file:PATH or env:NAME"), PROXIES },
    { OPT(0, "send-proxy", K_CHOICE, "begin the connection with a header of the PROXY protocol",
          .choices = introductions),
      PROXIES },
    { OPT(0, "told-source", K_ADDR, "the client that the header tells of (default: this end)", .flags = LISTENING),
      PROXIES },
    { OPT(0, "told-target", K_ADDR, "whom that client had connected to (default: the other end)", .flags = LISTENING),
      PROXIES },
    { OPT(0, "tls", K_FLAG, "speak TLS, as with tls://"), TLS_CHOICE },
    { OPT(0, "starttls", K_CHOICE, "begin in plain text, and change to TLS in the words of this protocol",
          .choices = sk_upgrade_protocols),
      TLS_UPGRADE },
    { OPT(0, "ehlo", K_TEXT, "the name told to the server by --starttls smtp (default: the host name)"), TLS_UPGRADE },
    { OPT(0, "insecure", K_FLAG, "do not verify the certificate; what is wrong with it is told"), TLS_CLIENT },
    { OPT(0, "verify-name", K_TEXT, "the name or address the certificate must be for (default: what was connected to)"),
      TLS_CLIENT },
    { OPT(0, "sni", K_TEXT, "the name told to the server (default: the name; '' for none)"), TLS_CLIENT },
    { OPT(0, "cafile", K_FILE, "trust these authorities in place of the system's"), TLS_CLIENT },
    { OPT(0, "cadir", K_FILE, "trust the authorities in this directory (openssl rehash)"), TLS_CLIENT },
    { OPT(0, "pin", K_TEXT,
          "the peer must have this key: SHA-256 of its SubjectPublicKeyInfo, base64 or hex; may be "
          "given several times"),
      TLS_CLIENT },
    { OPT(0, "session", K_FILE, "resume the session in FILE, and keep new ones there"), TLS_CLIENT },
    { OPT(0, "self-signed", K_FLAG, "make a certificate for this run, and tell its pin"), TLS_SERVER },
    { OPT(0, "client-ca", K_FILE, "clients must have a certificate by one of these authorities"), TLS_SERVER },
    { OPT(0, "cert", K_FILE, "own certificate with its chain, PEM or PKCS#12; several: chosen by SNI"), TLS_EITHER },
    { OPT(0, "key", K_FILE, "its private key, when it is not in the same file"), TLS_EITHER },
    { OPT(0, "key-pass", K_TEXT, "where the passphrase of the key is: file:PATH or env:NAME"), TLS_EITHER },
    { OPT(0, "crl", K_FILE, "revocation list to look at"), TLS_EITHER },
    { OPT(0, "alpn", K_TEXT, "protocols to offer or to choose from: h2,http/1.1"), TLS_EITHER },
    { OPT(0, "alpn-required", K_FLAG, "the server must choose one of --alpn"), TLS_CLIENT },
    { OPT(0, "ocsp", K_FLAG, "the server must send a good OCSP response with its certificate"), TLS_CLIENT },
    { OPT(0, "min", K_CHOICE, "lowest version of TLS (default 1.2)", .choices = tls_versions), TLS_EITHER },
    { OPT(0, "max", K_CHOICE, "highest version of TLS", .choices = tls_versions), TLS_EITHER },
    { OPT(0, "ciphers", K_TEXT, "ciphers, by OpenSSL's names"), TLS_EITHER },
    { OPT(0, "groups", K_TEXT, "groups for the key exchange: X25519,P-256"), TLS_EITHER },
    { OPT(0, "keylog", K_FILE, "append the secrets of the connection to FILE, for wireshark"), TLS_EITHER },
    { OPT(0, "allow-truncation", K_FLAG, "an end without close_notify is an end like any other"), TLS_EITHER },
    { OPT(0, "as", K_NAME, "name of the new object, as in NAME = COMMAND"), MAKES },
    { OPT(0, "file", K_FILE, "the data is in FILE"), DATA },
    { OPT(0, "hex", K_HEX, "the data as hex digits"), DATA },
    { OPT(0, "base64", K_BASE64, "the data as base64"), DATA },
    { OPT(0, "raw", K_FLAG, "take the operands as they are: no escapes"), DATA },
    { OPT(0, "secret", K_FLAG, "read one line of data from the terminal, without echo"), DATA },
    { OPT('q', "quiet", K_FLAG, "fewer messages"), 0 },
    { OPT('v', "verbose", K_FLAG, "more messages; -vv shows the bytes sent and received"), 0 },
    { OPT(0, "color", K_CHOICE, "when to use colour", .choices = color_words), 0 },
    { OPT('h', "help", K_FLAG, "show this help"), 0 },
};
const size_t common_row_count = sizeof common_rows / sizeof *common_rows;

void common_init(struct common *opt) { *opt = (struct common){ .timeout = SK_TIMEOUT_UNSET }; }

void common_format(struct common *opt, enum format format) {
    bool json = format == F_JSON;
    if (json)
        opt->json = opt->json_set = true;
    else
        opt->format = format;
    opt->format_set = opt->format_set || !json;
}

/* Old list and new entries in one. */
static void *joined(struct arena *a, const void *old, size_t old_size, const void *more, size_t size) {
    char *list = arena_alloc(a, old_size + size);
    if (old_size > 0)
        memcpy(list, old, old_size);
    memcpy(list + old_size, more, size);
    return list;
}

/* How names are looked up. True when the row is about that. */
static bool store_lookup(struct sk_lookup *how, const struct common_row *row, const struct arg *arg, struct arena *a) {
    const char *name = row->param.name;
    bool on = row->param.kind == K_FLAG && arg->u.i != 0;
    if (row->param.kind == K_SERVERS) {
        how->servers = joined(a, how->servers, how->server_count * sizeof *how->servers, arg->u.servers.list,
                              arg->u.servers.count * sizeof *how->servers);
        how->server_count += arg->u.servers.count;
    } else if (row->param.kind == K_OVERRIDE) {
        how->overrides = joined(a, how->overrides, how->override_count * sizeof *how->overrides, arg->u.override,
                                sizeof *how->overrides);
        how->override_count++;
    } else if (strcmp(name, "tcp") == 0) {
        how->tcp = on;
    } else if (strcmp(name, "hosts") == 0) {
        how->no_hosts = !on;
    } else if (strcmp(name, "search") == 0) {
        how->no_search = !on;
    }
    return row->when == NAMES;
}

void common_store(struct common *opt, const struct common_row *row, const struct arg *arg, struct arena *a) {
    const char *name = row->param.name;
    bool on = row->param.kind == K_FLAG && arg->u.i != 0;
    if (store_lookup(&opt->lookup, row, arg, a) ||
        ((row->when & (TLS_CHOICE | TLS_UPGRADE | TLS_EITHER)) && tls_store(&opt->tls, &row->param, arg, a)) ||
        (row->when == PROXIES && proxy_store(&opt->proxy, &row->param, arg)))
        return;
    switch (row->param.letter) {
    case 's':
        opt->socket = arg->u.s.p;
        return;
    case 't':
        opt->timeout = arg->u.t;
        return;
    case 'F':
        common_format(opt, (enum format)arg->u.i);
        return;
    case 'e':
        opt->format = on ? F_ESCAPE : F_AUTO;
        opt->format_set = true;
        return;
    case 'j':
        opt->json = on;
        opt->json_set = true;
        return;
    case 'o':
        opt->output = arg->u.s.p;
        return;
    case '4':
        opt->family = on ? AF_INET : 0;
        return;
    case '6':
        opt->family = on ? AF_INET6 : 0;
        return;
    case 'u':
        opt->udp = on;
        return;
    case 'q':
        opt->verbose = on ? -1 : 0;
        return;
    case 'v':
        opt->verbose = on ? (opt->verbose > 0 ? opt->verbose + 1 : 1) : 0;
        return;
    case 'h':
        opt->help = on;
        return;
    default:
        break;
    }
    if (strcmp(name, "as") == 0)
        opt->as = arg->u.s.p;
    else if (strcmp(name, "file") == 0)
        opt->file = arg->u.s.p;
    else if (strcmp(name, "raw") == 0)
        opt->raw = on;
    else if (strcmp(name, "secret") == 0)
        opt->secret = on;
    else if (strcmp(name, "color") == 0)
        opt->color = (int)arg->u.i;
    else if (strcmp(name, "bytes") == 0)
        opt->bytes = (int)arg->u.i + 1;
    else if (row->param.kind == K_HEX || row->param.kind == K_BASE64) {
        opt->data = arg->u.s.p;
        opt->data_len = arg->u.s.n;
        opt->data_set = true;
    }
}

#define GLOBAL "it stands before the command: sockctl OPTION... COMMAND"

/* What to write for an option that other tools have and sockctl has not; NULL when it is unknown there too. */
static const char *habit(const char *option) {
    static const struct {
        const char *option, *answer;
    } habits[] = {
        { "-w", "did you mean -t TIME (--timeout)?" },
        { "-p", "write the port in the address: HOST:PORT" },
        { "-k", "did you mean --insecure?" },
        { "-z", "connect ADDR alone, then look at the exit status" },
        { "-N", "did you mean the command 'shutdown wr'?" },
        { "-l", "did you mean the command 'listen ADDR'?" },
        { "-U", "write the path as the address: unix:/path" },
        { "-c", GLOBAL },
        { "-f", GLOBAL },
        { "-i", GLOBAL },
        { "-V", GLOBAL },
        { "--check", GLOBAL },
        { "--keep-going", GLOBAL },
        { "--echo", GLOBAL },
        { "--tap", GLOBAL },
        { "--local", GLOBAL },
        { "--no-init", GLOBAL },
        { "--command", GLOBAL },
        { "--interactive", GLOBAL },
        { "--version", GLOBAL },
    };
    for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
        if (strcmp(habits[i].option, option) == 0)
            return habits[i].answer;
    return NULL;
}

bool option_find(const struct command *cmd, char letter, const char *name, size_t n, struct option *out) {
    for (size_t i = 0; cmd != NULL && cmd->params != NULL && cmd->params[i].kind != K_END; i++) {
        const struct param *p = &cmd->params[i];
        if (!p->operand && (letter ? p->letter == letter : strlen(p->name) == n && memcmp(p->name, name, n) == 0)) {
            *out = (struct option){ .param = p, .own = i };
            return true;
        }
    }
    for (size_t i = 0; i < common_row_count; i++) {
        const struct param *p = &common_rows[i].param;
        if ((cmd == NULL ? common_is_global(&common_rows[i]) : common_applies(&common_rows[i], cmd)) &&
            (letter ? p->letter == letter : strlen(p->name) == n && memcmp(p->name, name, n) == 0)) {
            *out = (struct option){ .param = p, .own = SIZE_MAX, .common = &common_rows[i] };
            return true;
        }
    }
    return false;
}

/* Is it an option of some other command? */
static const struct command *other_owner(const char *option) {
    for (size_t c = 0; c < command_count; c++)
        for (const struct param *p = commands[c]->params; p != NULL && p->kind != K_END; p++)
            if (!p->operand &&
                (option[1] == '-' ? strcmp(p->name, option + 2) == 0 : p->letter == option[1] && p->letter))
                return commands[c];
    return NULL;
}

int option_unknown(const struct command *cmd, const char *option, struct sk_err *err) {
    const char *names[64];
    size_t count = 0;
    const char *answer = habit(option);
    const char *name = cmd != NULL ? cmd->name : "sockctl";
    char shown[80], where[80] = "";
    if (cmd != NULL)
        snprintf(where, sizeof where, "%s: ", name);
    sk_escape_cut(shown, sizeof shown, option, strlen(option));
    if (answer != NULL)
        return sk_fail_usage(err, "%sunknown option '%s'; %s", where, shown, answer);
    if (isdigit((unsigned char)option[1]))
        return sk_fail_usage(err, "%s'%s' looks like an option; a negative number has no meaning here", where, shown);
    for (const struct param *p = cmd != NULL ? cmd->params : NULL; p != NULL && p->kind != K_END && count < 32; p++)
        if (!p->operand)
            names[count++] = p->name;
    for (size_t i = 0; i < common_row_count && count < 64; i++)
        if (cmd == NULL || common_applies(&common_rows[i], cmd))
            names[count++] = common_rows[i].param.name;
    const char *near = option[1] == '-' && option[2] != '\0' ? sk_nearest(option + 2, names, count) : NULL;
    if (near != NULL)
        return sk_fail_usage(err, "%sunknown option '%s'; did you mean '--%s'?", where, shown, near);
    const struct command *owner = other_owner(option);
    if (owner != NULL && cmd != NULL)
        return sk_fail_usage(err, "%sno option '%s' here; '%s' has it; see 'help %s'", where, shown, owner->name, name);
    return sk_fail_usage(err, "%sunknown option '%s'; see '%s --help'", where, shown, name);
}
