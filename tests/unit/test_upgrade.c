/* The dialogues before TLS, word by word: what is said, when, and what becomes of each answer; in whole turns, and byte
 * by byte. */
#include "sock_kit.h"

#include "base/bytes.h"
#include "sock/upgrade.h"

enum { TURNS = 8 };

struct turn { /* of the server, or, `ours`, of the client */
    bool ours;
    const char *p;
    size_t n;
};

struct dialogue {
    const char *protocol;
    struct turn turns[TURNS];
    const char *says; /* the sentence of the failure; NULL: it goes well */
};

#define S(text)                                                                                                        \
    { false, text, sizeof(text) - 1 }
#define C(text)                                                                                                        \
    { true, text, sizeof(text) - 1 }

#define STREAM                                                                                                         \
    "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' to='example.test' "          \
    "version='1.0'>"
#define HEADER   "<?xml version='1.0'?><stream:stream id='1' from='example.test' xmlns='jabber:client' version='1.0'>"
#define XMPP_TLS "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define FEATURES "<stream:features><starttls " XMPP_TLS "><required/></starttls></stream:features>"
#define START_TLS                                                                                                      \
    "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"                                                                             \
    "1.3.6.1.4.1.1466.20037"
#define SSL_REQUEST "\0\0\0\x08\x04\xd2\x16\x2f"
#define MYSQL_HELLO(caps)                                                                                              \
    "\x1b\0\0\0\x0a"                                                                                                   \
    "5.7.44-x\0"                                                                                                       \
    "\x01\0\0\0"                                                                                                       \
    "saltsalt"                                                                                                         \
    "\0" caps "!!"
#define MYSQL_REQUEST "\x20\0\0\x01\x85\xae\x7f\0\0\0\0\x01\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define EXAMPLE       "EHLO here.test\r\n"

static const struct dialogue dialogues[] = {
    { "smtp",
      { S("220-mx\r\n220 hello\r\n"), C(EXAMPLE), S("250-mx\r\n250-SIZE\r\n250 starttls\r\n"), C("STARTTLS\r\n"),
        S("220 go\r\n") },
      NULL },
    { "smtp", { S("554 no\r\n") }, "the server takes no client now: it said '554 no'" },
    { "smtp", { S("220 hello\r\n"), C(EXAMPLE), S("502 what\r\n") }, "the server refused EHLO: it said '502 what'" },
    { "smtp",
      { S("220 hello\r\n"), C(EXAMPLE), S("250-mx\r\n250 XSTARTTLS\r\n") },
      "the server does not offer STARTTLS: its answer to EHLO is '250-mx 250 XSTARTTLS'" },
    { "smtp",
      { S("220 hello\r\n"), C(EXAMPLE), S("250 STARTTLS\r\n"), C("STARTTLS\r\n"), S("454 \x1b[2Jlater\r\n") },
      "the server refused STARTTLS: it said '454 \\x1b[2Jlater'" },
    { "smtp", { S("SSH-2.0-x\r\n") }, "the server does not speak SMTP: it said 'SSH-2.0-x'" },
    { "smtp",
      { S("220 hello\r\n"), C(EXAMPLE), S("250-mx") },
      "the server closed the connection without an answer to EHLO; it said '250-mx'" },
    { "imap",
      { S("* OK ready\r\n"), C("a001 CAPABILITY\r\n"), S("* CAPABILITY IMAP4rev1 StartTLS ID\r\na001 OK\r\n"),
        C("a002 STARTTLS\r\n"), S("a002 OK go\r\n") },
      NULL },
    { "imap",
      { S("* PREAUTH you\r\n") },
      "the server has logged us in already (PREAUTH): now TLS cannot begin any more" },
    { "imap", { S("* BYE full\r\n") }, "the server takes no client now: it said '* BYE full'" },
    { "imap",
      { S("* OK ready\r\n"), C("a001 CAPABILITY\r\n"), S("* CAPABILITY IMAP4rev1\r\na001 OK\r\n") },
      "the server does not offer STARTTLS: its answer to a001 CAPABILITY is '* CAPABILITY IMAP4rev1 a001 OK'" },
    { "imap",
      { S("* OK ready\r\n"), C("a001 CAPABILITY\r\n"), S("* CAPABILITY STARTTLS\r\na001 OK\r\n"),
        C("a002 STARTTLS\r\n"), S("a002 NO not now\r\n") },
      "the server refused a002 STARTTLS: it said 'a002 NO not now'" },
    { "pop3", { S("+OK <1@x>\r\n"), C("STLS\r\n"), S("+OK\r\n") }, NULL },
    { "pop3",
      { S("+OK\r\n"), C("STLS\r\n"), S("-ERR unknown\r\n") },
      "the server refused STLS: it said '-ERR unknown'" },
    { "ftp", { S("220-hello\r\n  230 news\r\n220 ready\r\n"), C("AUTH TLS\r\n"), S("234 go\r\n") }, NULL },
    { "ftp",
      { S("220 ready\r\n"), C("AUTH TLS\r\n"), S("530 login\r\n") },
      "the server refused AUTH TLS: it said '530 login'" },
    { "nntp",
      { S("201 hello\r\n"), C("CAPABILITIES\r\n"), S("101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n"), C("STARTTLS\r\n"),
        S("382 go\r\n") },
      NULL },
    { "nntp",
      { S("200 hello\r\n"), C("CAPABILITIES\r\n"), S("101 list\r\nREADER\r\n.\r\n") },
      "the server does not offer STARTTLS: its answer to CAPABILITIES is '101 list READER .'" },
    { "nntp",
      { S("200 hello\r\n"), C("CAPABILITIES\r\n"), S("101 list\r\nSTARTTLS\r\n.\r\n"), C("STARTTLS\r\n"),
        S("580 no\r\n") },
      "the server refused STARTTLS: it said '580 no'" },
    { "sieve", { S("\"SASL\" \"PLAIN\"\r\n\"STARTTLS\"\r\nOK\r\n"), C("STARTTLS\r\n"), S("OK \"go\"\r\n") }, NULL },
    { "sieve",
      { S("\"SASL\" \"\"\r\nOK \"hi\"\r\n") },
      "the server does not offer STARTTLS: its greeting is '\"SASL\" \"\" OK \"hi\"'" },
    { "sieve",
      { S("\"STARTTLS\"\r\nOK\r\n"), C("STARTTLS\r\n"), S("NO \"later\"\r\n") },
      "the server refused STARTTLS: it said 'NO \"later\"'" },
    { "irc", { C("STARTTLS\r\n"), S("NOTICE AUTH :*** looking\r\n:irc 670 * :go\r\n") }, NULL },
    { "irc", { C("STARTTLS\r\n"), S(":irc 691 * :no\r\n") }, "the server refused STARTTLS: it said ':irc 691 * :no'" },
    { "irc",
      { C("STARTTLS\r\n"), S("HTTP/1.1 400 Bad Request\r\n") },
      "the server does not speak IRC: it said 'HTTP/1.1 400 Bad Request'" },
    { "xmpp", { C(STREAM), S(HEADER FEATURES), C("<starttls " XMPP_TLS "/>"), S("<proceed " XMPP_TLS "/>") }, NULL },
    { "xmpp",
      { C(STREAM), S(HEADER FEATURES), C("<starttls " XMPP_TLS "/>"),
        S("<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"></proceed>") },
      NULL },
    { "xmpp",
      { C(STREAM), S(HEADER "<stream:features/>") },
      "the server does not offer STARTTLS: its answer to the stream is '<?xml version=\\x271.0\\x27?> <stream:stream "
      "id=\\x271\\x27 from=\\x27example.test\\x27 xmlns=\\x27jabber:client\\x27 version=\\x271.0\\x27> "
      "<stream:features/>'" },
    { "xmpp",
      { C(STREAM), S(HEADER FEATURES), C("<starttls " XMPP_TLS "/>"), S("<failure x='1'/>") },
      "the server refused starttls: it said '<failure x=\\x271\\x27/>'" },
    { "xmpp",
      { C(STREAM), S(HEADER "<stream:error><host-unknown/>") },
      "the server refused the stream: it said '<host-unknown/>'" },
    { "xmpp", { C(STREAM), S("HTTP/1.1 400\r\n") }, "the server does not speak XMPP: it said 'HTTP/1.1 400'" },
    { "ldap", { C(START_TLS), S("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0") }, NULL },
    { "ldap", { C(START_TLS), S("\x30\x84\0\0\0\x10\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0") }, NULL },
    { "ldap",
      { C(START_TLS), S("\x30\x0f\x02\x01\x01\x78\x0a\x0a\x01\x34\x04\0\x04\x03no\n") },
      "the server refused StartTLS: result 52 (unavailable), it said 'no\\n'" },
    { "ldap",
      { C(START_TLS), S("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\0\x04\0") },
      "the server refused StartTLS: result 2 (protocol error: it does not know StartTLS)" },
    { "ldap",
      { C(START_TLS), S("\x30\x84\x7f\xff\xff\xff") },
      "the answer to StartTLS of the server is 2147483653 bytes long" },
    { "ldap", { C(START_TLS), S("\x30\x80") }, "the server does not speak LDAP: it said '0\\x80'" },
    { "postgres", { C(SSL_REQUEST), S("S") }, NULL },
    { "postgres", { C(SSL_REQUEST), S("N") }, "the server does not offer TLS: its answer to SSLRequest is 'N'" },
    { "postgres",
      { C(SSL_REQUEST), S("E\0\0\0\x12"
                          "C53300\0"
                          "Mno \x07\0\0") },
      "the server refused SSLRequest: it said 'no \\x07'" },
    { "mysql", { S(MYSQL_HELLO("\xff\xff")), C(MYSQL_REQUEST) }, NULL },
    { "mysql",
      { S(MYSQL_HELLO("\xff\xf7")) },
      "the server does not offer TLS: its greeting, of version '5.7.44-x', is without CLIENT_SSL" },
    { "mysql",
      { S("\x0b\0\0\0\xff\x10\x04"
          "too many") },
      "the server takes no client now: error 1040, it said 'too many'" },
    { "mysql", { S("220 mail\r\n") }, "the server does not speak MySQL: it said '220 mail'" },
};

/* ---- The server ---- */

struct player {
    const struct turn *turn, *end;
    size_t at;   /* in the turn */
    size_t step; /* bytes at a time */
};

static void next_turn(struct player *p) {
    if (p->turn < p->end && p->at == p->turn->n) {
        p->turn++;
        p->at = 0;
    }
}

/* What it has to say; where it is not its turn, its end. */
static ssize_t play(struct sk_sock *s, void *buf, size_t n, int flags) {
    struct player *p = s->tap_arg;
    (void)flags;
    next_turn(p);
    if (p->turn == p->end || p->turn->ours)
        return 0;
    size_t left = p->turn->n - p->at;
    n = n < left ? n : left;
    n = n < p->step ? n : p->step;
    memcpy(buf, p->turn->p + p->at, n);
    p->at += n;
    return (ssize_t)n;
}

static ssize_t hear(struct sk_sock *s, const void *buf, size_t n, int flags) {
    struct player *p = s->tap_arg;
    (void)flags;
    next_turn(p);
    assert_true(p->turn < p->end && p->turn->ours);
    n = n < p->step ? n : p->step;
    assert_true(n <= p->turn->n - p->at);
    assert_memory_equal(buf, p->turn->p + p->at, n);
    p->at += n;
    return (ssize_t)n;
}

static int perform(const struct dialogue *d, size_t step, struct sk_err *err) {
    static const struct sk_layer layer = { .name = "player", .try_fill = play, .try_send = hear };
    struct player player = { .turn = d->turns, .end = d->turns + TURNS, .step = step };
    struct sk_sock s = {
        .fd = -1, .type = SOCK_STREAM, .family = AF_INET, .state = SK_CONNECTED, .layer = &layer, .tap_arg = &player
    };
    struct sk_upgrade how = { .protocol = d->protocol, .domain = "example.test." };
    if (strcmp(d->protocol, "smtp") == 0)
        how.ehlo = "here.test";
    while (player.end > player.turn && player.end[-1].n == 0)
        player.end--;
    int rc = sk_upgrade(&s, &how, SK_NEVER, err);
    if (rc == 0) {
        assert_int_equal(s.in.len, 0);
        next_turn(&player);
        assert_ptr_equal(player.turn, player.end); /* nothing was left out */
    }
    sk_buf_done(&s.in);
    return rc;
}

/* Of what is not understood as much is quoted as had come. */
static bool is_said(const char *got, const char *wanted, bool whole) {
    const char *end = strstr(wanted, "does not speak");
    return strncmp(got, wanted, !whole && end ? (size_t)(end - wanted) : sizeof(struct sk_err)) == 0;
}

static void test_dialogues(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof dialogues / sizeof *dialogues; i++)
        for (size_t step = 1; step <= 4096; step *= 4096) {
            const struct dialogue *d = &dialogues[i];
            struct sk_err err = { 0 };
            int rc = perform(d, step, &err);
            if (rc != (d->says ? -1 : 0) || !is_said(err.msg, d->says ? d->says : "", step > 1))
                fail_msg("%s, row %zu, %zu bytes at a time: %d: %s", d->protocol, i, step, rc, err.msg);
            if (rc < 0)
                assert_true(strcmp(err.op, "starttls") == 0 && (err.kind == SK_TLS_HANDSHAKE || err.kind == SK_EOF));
        }
}

/* What comes with the go-ahead is nobody's, in any protocol. */
static void test_injection(void **state) {
    (void)state;
    static char text[4096];
    unsigned tried = 0;
    for (size_t i = 0; i < sizeof dialogues / sizeof *dialogues; i++) {
        struct dialogue d = dialogues[i];
        size_t last = TURNS;
        while (d.turns[last - 1].n == 0)
            last--;
        if (d.says)
            continue;
        while (d.turns[last - 1].ours) /* of MySQL the greeting is the go-ahead */
            last--;
        struct turn *t = &d.turns[last - 1];
        memcpy(text, t->p, t->n);
        memcpy(text + t->n, "evil\r\n", 6);
        t->p = text;
        t->n += 6;
        assert_says(perform(&d, 4096, err),
                    "the server sent 6 bytes before TLS began: 'evil\\r\\n'; they might be somebody else's (STARTTLS "
                    "injection), so the connection is not used");
        tried++;
    }
    assert_true(tried >= 11);
}

/* ---- Limits ---- */

static struct sk_err flooded(const char *protocol, const char *unit, size_t times) {
    struct sk_buf text = { 0 };
    struct sk_err err = { 0 };
    struct dialogue d = { .protocol = protocol };
    for (size_t i = 0; i < times; i++)
        sk_buf_add_str(&text, unit, NULL);
    d.turns[0] = (struct turn){ false, (const char *)sk_buf_data(&text), text.len };
    assert_int_equal(perform(&d, 4096, &err), -1);
    assert_int_equal(err.kind, SK_TLS_HANDSHAKE);
    sk_buf_done(&text);
    return err;
}

static void test_limits(void **state) {
    (void)state;
    assert_string_equal(flooded("smtp", "220-hello\r\n", 10000).msg,
                        "the greeting of the server has no end: this is line 501");
    assert_string_equal(flooded("smtp", "x", 4096).msg,
                        "the greeting of the server has a line of more than 4096 bytes");
    assert_string_equal(flooded("pop3", "x", 100000).msg,
                        "the greeting of the server has a line of more than 4096 bytes");
    assert_string_equal(flooded("sieve", "\"x\"\r\n", 10000).msg,
                        "the greeting of the server has no end: this is line 501");
}

/* ---- What is asked for ---- */

static void test_words(void **state) {
    (void)state;
    struct sk_upgrade how = { .protocol = "gopher" };
    assert_says(sk_upgrade_check(&how, err), "no dialogue before TLS is known for 'gopher'");
    how = (struct sk_upgrade){ .protocol = "imap", .ehlo = "x" };
    assert_says(sk_upgrade_check(&how, err), "the name for EHLO is for smtp alone, not for imap");
    how = (struct sk_upgrade){ .protocol = "smtp", .ehlo = "a\r\nRSET" };
    assert_says(sk_upgrade_check(&how, err),
                "the name for EHLO is 'a\\r\\nRSET': write a host name, or an address as [192.0.2.1]");
    how = (struct sk_upgrade){ .protocol = "xmpp", .domain = "a'><x" };
    assert_says(sk_upgrade_check(&how, err),
                "the domain that the XMPP server is asked for is 'a\\x27><x'; say it with --verify-name");
    for (size_t i = 0; sk_upgrade_protocols[i]; i++) {
        how = (struct sk_upgrade){ .protocol = sk_upgrade_protocols[i] };
        assert_ok(sk_upgrade_check(&how, err));
    }
}

/* ---- On a socket ---- */

static void test_socket(void **state) {
    (void)state;
    struct sk_sock *p[2];
    struct sk_upgrade how = { .protocol = "pop3" };
    tcp_pair(p);
    assert_fails(sk_upgrade(p[0], &how, SK_NOWAIT, err), SK_USAGE, 0);
    assert_fails(sk_upgrade(p[0], &how, shortly(), err), SK_TIMEOUT, ETIMEDOUT);
    put(p[1], "+OK\r\n+OK\r\n");
    assert_ok(sk_upgrade(p[0], &how, soon(), err));
    assert_received(p[1], 100, 0, "STLS\r\n");
    put(p[1], "+OK\r\n");
    assert_says(sk_upgrade(p[0], &how, shortly(), err), "no answer to STLS from the server");
    reset(p[1]);
    assert_fails(sk_upgrade(p[0], &how, soon(), err), SK_SYS, ECONNRESET);
    free_pair(p);
    udp_pair(p);
    assert_fails(sk_upgrade(p[0], &how, soon(), err), SK_USAGE, 0);
    free_pair(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialogues), cmocka_unit_test(test_injection), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_words),     cmocka_unit_test(test_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
