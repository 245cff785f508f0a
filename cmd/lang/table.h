/* The command table: const rows, and the call that a row's run() receives. Everything that describes a command comes
 * from here: parsing, --help, completion, man pages, `help --json`. */
#ifndef LANG_TABLE_H
#define LANG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/value.h"
#include "lang/proxy.h"
#include "lang/secure.h"
#include "net/addr.h"
#include "net/ports.h"
#include "sock/dial.h"
#include "sock/sock.h"

/* What an option's value or an operand is. Selects parser, refusal, placeholder, completion and JSON type
 * (lang/optparse.c: one row a kind). */
enum kind {
    K_END,
    K_FLAG,     /* no value; --no-X turns it off */
    K_INT,      /* int64 within lo..hi */
    K_NUMBER,   /* the same, also 0x */
    K_SIZE,     /* bytes, with units */
    K_TIME,     /* a length: u.t */
    K_DAYS,     /* a length, also in days (30d): u.t */
    K_TIMEOUT,  /* none, 0 or a TIME: u.t is SK_NEVER, 0, or the length */
    K_ADDR,     /* one address, two or four words where the row says MULTIWORD: u.ep (port 0 allowed with LISTENING) */
    K_PORTS,    /* one address, whose port may be a list: u.ports */
    K_HOST,     /* text, or "-" for none: u.s.p NULL */
    K_SOCK,     /* name of an object of the session */
    K_POLL,     /* SOCK[:EVENTS]: text, split by the verb with call_poll */
    K_EVENTS,   /* in,out,pri,rdhup or numbers: u.i */
    K_FAMILY,   /* AF_*: u.i */
    K_TYPE,     /* SOCK_*: u.i */
    K_PROTO,    /* IPPROTO_*: u.i */
    K_MSGFLAGS, /* MSG_*: u.i */
    K_AIFLAGS,  /* passive,canonname,...: u.i */
    K_NIFLAGS,  /* NI_*: u.i */
    K_DATA,     /* bytes with escapes; several operands are joined: u.s of the first holds all */
    K_BYTES,    /* bytes with escapes, one word */
    K_PATTERN,  /* as K_DATA, but taken as typed when the command's `regex` option is given */
    K_HEX,      /* bytes as hex: u.s */
    K_BASE64,   /* bytes as base64: u.s */
    K_FILE,     /* path of a file */
    K_TEXT,     /* a word as it is */
    K_NAME,     /* letter or _, then letters, digits, _ */
    K_CHOICE,   /* one of .choices: u.i is its index */
    K_ONOFF,    /* on off true false yes no 1 0: u.i */
    K_CMD,      /* the rest of the words: one command: call->body */
    K_CHAIN,    /* the rest: commands between separators: call->body */
    K_SERVERS,  /* DNS servers ADDR[:PORT], joined by commas: u.servers */
    K_OVERRIDE, /* NAME:ADDR: u.override */
    K_PROXY,    /* socks5://HOST:PORT, http://HOST:PORT: u.proxy */
    K_CMSG,     /* of an option: three words LEVEL TYPE HEX, each a text of its own in .all */
    KINDS
};

enum { MANY = 255 };
enum param_flags {
    MULTIWORD = 1,     /* K_ADDR: one address, of 1, 2 or 4 operands; with max MANY several, each of so many */
    LISTENING = 2,     /* K_ADDR: port 0 is meant */
    TYPED = 4,         /* K_PATTERN: taken as typed when the operand before it is the word `matches` (assert) */
    PORTLESS = 8,      /* K_ADDR: an own address, in digits, whose port may be left out (0) */
    OR_STDIN = 32,     /* K_ADDR with MULTIWORD: - is a list on standard input: u.ep is NULL */
    AFTER_DASHES = 16, /* of the last operand: the words after --, and those alone */
};

struct param {
    const char *name; /* option: long name without --; operand: placeholder in capitals */
    char letter;      /* of an option, or 0 */
    bool operand;
    uint8_t min, max; /* operands: how many words; MANY: no limit */
    enum kind kind;
    unsigned flags;
    int64_t lo, hi;             /* K_INT, K_NUMBER; both 0: no limit */
    const char *const *choices; /* K_CHOICE, NULL-terminated */
    const char *help;           /* no capital, no full stop */
};
struct arg;
struct call;
struct common;
struct frame;
struct object;
struct prog;
struct session;
struct sink;
struct arena;

#define OPT(letter_, name_, kind_, help_, ...)                                                                         \
    { .name = name_, .letter = letter_, .kind = kind_, .help = help_, __VA_ARGS__ }
#define ARG(name_, kind_, min_, max_, help_, ...)                                                                      \
    { .name = name_, .operand = true, .min = min_, .max = max_, .kind = kind_, .help = help_, __VA_ARGS__ }

/* Flags of a command. Each adds its common options (table of common options in lang/optparse.c). */
enum command_flags {
    NEED_SOCK = 1 << 0, /* -s, NAME., else the current socket: call->obj and call->sock are set */
    MAY_SOCK = 1 << 1,  /* -s, NAME. only: else call->obj is NULL and the verb decides (call_current) */
    WAITS = 1 << 2,     /* -t; call->deadline */
    PRINTS = 1 << 3,    /* -F, -e, -o: prints bytes */
    DATA = 1 << 4,  /* the first data operand ends options; --file --hex --base64 --raw --secret and "-": call_data */
    MAKES = 1 << 5, /* --as: makes an object */
    FAMILIES = 1 << 6, /* -4 -6 */
    UDP = 1 << 7,      /* -u */
    NO_DEFAULT_TIMEOUT = 1 << 8,
    COUNTS = 1 << 9,      /* the text form is a count: only one-shot commands print it */
    PREFIX = 1 << 10,     /* runs call->body */
    ANY_OBJ = 1 << 11,    /* with NEED_SOCK/MAY_SOCK: pollers and files are accepted too (else files stand for their
                             socket, pollers are refused) */
    ALIAS = 1 << 12,      /* another spelling of a row: not listed */
    ESCAPES = 1 << 13,    /* with PRINTS: format auto means escape, on a terminal and off it (inet_pton) */
    PLAIN = 1 << 14,      /* with PRINTS: auto, raw and text mean the bytes and one newline; to a terminal what is not
                             printable is escaped (print, get) */
    NAMES = 1 << 17,      /* --server --tcp --no-hosts --no-search --resolve: opt->lookup */
    EACH = 1 << 16,       /* with R_ITEMS: many, told as they come; JSON has an envelope for each (probe, resolve) */
    TLS_CHOICE = 1 << 19, /* --tls */
    TLS_CLIENT = 1 << 20, /* the options of TLS: opt->tls (verbs/tls.h reads their files) */
    TLS_SERVER = 1 << 21,
    TLS_UPGRADE = 1 << 22, /* --starttls --ehlo */
    PROXIES = 1 << 23,     /* --proxy --send-proxy and what belongs to them: opt->proxy (verbs/through.h) */
    PRIVATE = 1 << 24,     /* a file that it makes is for its owner alone (trace) */
    PAGED = 1 << 18,       /* a terminal gets long results through a pager (help) */
    TRANSPARENT = 1 << 15, /* no outcome of its own: the steps it ran have told theirs (do, source). Its failure was
                              reported by them */
};

enum result { R_STATUS, R_ONE, R_ITEMS, R_STREAM };

struct command {
    const char *name;
    const char *group;          /* make bytes wait options names session test doors (INTERFACE.md B1.8) */
    const char *summary;        /* lower-case verb first, no full stop */
    const struct param *params; /* ends with kind K_END; NULL: none */
    unsigned flags;
    enum result result;
    const char *shows; /* text form of a record: its fields in this order, "addr state"; NULL: the main one; "":
                          nothing. A null prints nothing */
    /* With EACH: the text of an item, a line, where its fields in order would not do; aligned for a terminal. */
    int (*line)(const struct call *c, const struct sk_value *item, bool terminal, struct sk_buf *out,
                struct sk_err *err);
    const char *details;         /* paragraphs for help and the man page, or NULL */
    const char *const *examples; /* NULL-terminated lines, each run by a test */
    /* What the kinds cannot tell about operands and options, or NULL. Called before anything runs, without a system
     * call; and again before run() when some come from variables, which at first are not known: text and addresses are
     * NULL, numbers 0. */
    int (*check)(const struct arg *args, const struct common *opt, struct sk_err *err);
    int (*run)(struct call *call);
};

/* commands.def lists the rows: COMMAND(name), sorted by name; each is `const struct command cmd_NAME`, with - written
 * as _. */
extern const struct command *const commands[];
extern const size_t command_count;
const struct command *command_find(const char *name, size_t n); /* fixed aliases too (quit exit bye ?); NULL */
const char *command_nearest(const char *name);                  /* within two edits, or NULL */

/* The value of one parameter. */
struct arg {
    uint32_t count; /* times given, 0: not; a K_FLAG turned off by --no-X has count 1 and u.i 0 */
    union {
        int64_t i;
        sk_time t;
        struct {
            const char *p;
            size_t n;
        } s; /* a NUL follows */
        struct sk_endpoint *ep;
        struct sk_ports *ports;
        struct sk_override *override;
        struct sk_proxy *proxy;
        struct {
            struct sk_addr *list;
            size_t count;
        } servers;
    } u;             /* the last one given */
    struct arg *all; /* all[count], when max is more than 1 and it is no K_DATA */
};

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum format { F_AUTO, F_RAW, F_TEXT, F_ESCAPE, F_HEX, F_HEXDUMP, F_BASE64, F_JSON };
extern const char *const format_names[];

/* The options that many commands share, and settings of the same names. */
struct common {
    sk_time timeout;                           /* -t: a length, or SK_TIMEOUT_UNSET */
    enum format format;                        /* -F, -e */
    int bytes;                                 /* --bytes: what stands for bytes in JSON; 0: text and base64 */
    bool format_set, json, json_set, data_set; /* format is never F_JSON: that is json */
    int verbose;                               /* -q -1, -v 1, -vv 2 */
    int color;                                 /* --color: enum color_when */
    int family;                                /* -4 -6: AF_INET, AF_INET6, or 0 */
    bool udp;
    const char *socket; /* -s */
    const char *as;     /* --as */
    const char *output; /* -o */
    const char *file;   /* data from a file */
    const char *data;   /* --hex, --base64: data_len bytes; data_set */
    size_t data_len;
    bool from_stdin, raw, secret, help;
    struct sk_lookup lookup; /* how names are looked up */
    struct tls_wish tls;
    struct proxy_wish proxy;
};

/* One execution of one command. */
struct call {
    const struct command *cmd;
    struct frame *frame;
    struct session *ses;
    const struct arg *args;   /* by index into cmd->params */
    const struct common *opt; /* what was given, or comes from before the command, the environment or `set` */
    const struct prog *body;  /* K_CMD, K_CHAIN */
    const char *bind;         /* the NAME of `NAME =` or --as, or NULL */
    struct object *obj;
    struct sk_sock *sock;
    struct sk_sock *source; /* the stream that the bytes given out were taken from; NULL: nothing goes back */
    sk_time deadline;
    sk_time allowed;        /* the length behind deadline */
    const char *allowed_by; /* who set it: "" for -t, " (settimeout)", " (default; -t changes it)" */
    sk_time started;
    struct sink *sink;
    bool more;             /* with EACH: another item follows at once, and may be written together with this one */
    bool told;             /* with EACH: the items have said why the command fails */
    bool json;             /* the result goes to a JSON form */
    struct arena *scratch; /* for this call */
    char *data_room;       /* of call_data */
    struct held *held;     /* by call_sock_of, until the call ends */
    const char *shows;     /* cmd->shows; run() may choose others */
    /* What run() leaves: */
    struct sk_value result; /* R_ONE (owned) */
    struct sk_value items;  /* what call_item handed out, while it is little: for $_ (owned) */
    size_t items_size;
    struct sk_err err;
    bool warns;    /* the notes of a success are told without -v too */
    bool reported; /* the failure was already told by an inner command */
    struct sk_value
        extra; /* record of fields beside the error in JSON: partial, sent, attempts, want, got, results; or null */
    struct sk_buf note; /* lines for people under the error message or, on success, with -v */
};

static inline bool has(const struct call *c, int p) { return c->args[p].count != 0; }
static inline bool flag(const struct call *c, int p) { return c->args[p].count != 0 && c->args[p].u.i != 0; }
static inline int64_t int_or(const struct call *c, int p, int64_t otherwise) {
    return c->args[p].count ? c->args[p].u.i : otherwise;
}
static inline const char *text_or(const struct call *c, int p, const char *otherwise) {
    return c->args[p].count ? c->args[p].u.s.p : otherwise;
}

#endif
