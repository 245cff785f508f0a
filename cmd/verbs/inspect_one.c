/* One server, looked at: two connections at most, and what is known after them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "lang/frame.h"
#include "sock/proxy.h"
#include "sock/via.h"
#include "verbs/each.h"
#include "verbs/inspect.h"
#include "verbs/io.h"

#define SETTLE_MOST (300 * SK_MS) /* that a server may take to give a session after its handshake (DNS_TLS.md E.6) */

struct look {
    const struct inspecting *how;
    const char *text; /* of the target */
    sk_time deadline;
    struct sk_addr peer;
    char name[256];            /* whom the certificate must be for */
    sk_time dns, tcp, upgrade; /* lengths; -1: there was none */
    struct sk_origin origin;   /* who said that there is no such name */
    int blame;                 /* where there was a proxy: enum sk_proxy_blame */
    struct sk_value report, again;
    struct sk_err err;
    int rc;
};

/* ---- One connection ---- */

static void note_times(struct look *l, const struct sk_endpoint *ep, const struct sk_attempts *attempts) {
    for (size_t i = 0; i < attempts->count; i++)
        if (attempts->list[i].connected) {
            l->dns = ep->kind == SK_EP_NAME ? attempts->list[0].started : -1;
            l->tcp = attempts->list[i].took;
        }
}

static int dial(struct look *l, const struct sk_endpoint *ep, struct sk_sock **s, struct sk_err *err) {
    struct sk_attempts attempts;
    int rc = sk_dial(s, NULL, ep, &l->how->dial, l->deadline, &attempts, err);
    if (rc == 0 && l->tcp < 0)
        note_times(l, ep, &attempts);
    if (rc < 0) {
        l->origin = attempts.origin;
        l->blame = attempts.blame;
    }
    sk_attempts_done(&attempts);
    return rc;
}

/* The dialogue before TLS, if there is one. */
static int upgrade(struct look *l, struct sk_sock *s, struct sk_err *err) {
    struct sk_upgrade how = l->how->upgrade;
    how.domain = l->name;
    return how.protocol ? sk_upgrade(s, &how, l->deadline, err) : 0;
}

static int handshake(struct look *l, struct sk_sock *s) {
    sk_time start = sk_now();
    snprintf(l->name, sizeof l->name, "%s", l->how->name ? l->how->name : s->asked);
    if (upgrade(l, s, &l->err) < 0)
        return -1;
    if (l->how->upgrade.protocol)
        l->upgrade = sk_now() - start;
    if (sk_tls_start(s, l->how->settings, l->name, l->deadline, &l->err) < 0)
        return -1;
    return sk_tls_settle(s, sk_earlier(l->deadline, sk_after(SETTLE_MOST)), &l->err);
}

/* ---- The second ---- */

static struct sk_value resumption(const struct sk_value *session) {
    struct sk_value r = sk_record();
    bool is = session->type == SK_RECORD;
    sk_put(&r, "offered", sk_bool(is));
    sk_put(&r, "by", is ? sk_copy(*sk_get(session, "by")) : sk_null());
    sk_put(&r, "lifetime", is ? sk_copy(*sk_get(session, "lifetime")) : sk_null());
    return r;
}

/* Does it go on with the session of the first? */
static void resume(struct look *l, const struct sk_endpoint *given, const struct sk_tls_session *session) {
    struct sk_endpoint ep = { .kind = SK_EP_ADDR, .addr = l->peer }; /* the same machine, if the name has several */
    if (l->how->dial.proxy)
        ep = *given;
    struct sk_sock *s = NULL;
    struct sk_err why;
    struct sk_value seen = sk_null(), r = resumption(sk_get(&l->report, "session"));
    const struct sk_value *agreed = NULL;
    int rc = session ? dial(l, &ep, &s, &why) : -1;
    if (rc == 0)
        rc = upgrade(l, s, &why);
    if (rc == 0)
        rc = sk_tls_resume(s, l->how->settings, session, l->name, l->deadline, &why);
    if (rc == 0 && sk_tls_report(s, &seen, &why) == 0)
        agreed = sk_get(&seen, "agreed");
    sk_put(&r, "resumed", agreed ? sk_copy(*sk_get(agreed, "resumed")) : session ? sk_null() : sk_bool(false));
    sk_put(&r, "ms", agreed ? sk_copy(*sk_get(agreed, "handshake_ms")) : sk_null());
    sk_put(&r, "why", session && !agreed ? sk_text(why.msg) : sk_null());
    l->again = r;
    sk_drop(seen);
    sk_sock_free(s);
}

/* ---- What is wrong ---- */

static const char *text_of(const struct sk_value *r, const char *key) {
    const struct sk_value *v = sk_get(r, key);
    return v && v->type == SK_TEXT ? v->u.s->data : NULL;
}

static void add_problem(struct sk_value *problems, struct sk_value depth, const char *text, const char *fix) {
    struct sk_value r = sk_record();
    sk_put(&r, "code", sk_null());
    sk_put(&r, "depth", depth);
    sk_put_main(&r, "text", sk_text(text));
    sk_put(&r, "fix", fix && *fix ? sk_text(fix) : sk_null());
    sk_push(problems, r);
}

static void weigh(struct inspected *out, const struct sk_err *err) {
    int status = sk_err_status(err);
    if (!inspect_outweighs(status, out->status))
        return;
    out->err = *err;
    out->status = status;
}

/* Each certificate that ends soon. */
static void check_dates(const struct inspecting *how, const char *target, const struct sk_value *chain,
                        struct sk_value *problems, struct inspected *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; how->warn > 0 && i < chain->u.seq->count; i++) {
        const struct sk_value *cert = &chain->u.seq->items[i].value;
        const char *end = text_of(cert, "not_after"), *subject = text_of(cert, "subject");
        char text[400];
        struct tm tm = { 0 };
        struct sk_err why;
        if (!end || !strptime(end, "%Y-%m-%dT%H:%M:%SZ", &tm))
            continue;
        int64_t left = (int64_t)timegm(&tm) - now.tv_sec;
        if (left < 0 || left / 86400 > how->warn / (86400 * SK_SECOND) || left * SK_SECOND > how->warn)
            continue;
        snprintf(text, sizeof text, "%s%.200s ends on %.10s, %lld day%s from now",
                 i ? "the authority " : "the certificate", i ? subject : "", end, (long long)(left / 86400),
                 left / 86400 == 1 ? "" : "s");
        add_problem(problems, sk_int((int64_t)i), text, "renew it in time");
        sk_fail(&why, SK_ASSERT, 0, "tls", "%.120s: %s", target, text);
        weigh(out, &why);
    }
}

/* The first two in a sentence, and how many more there are. */
static void tell_problems(const char *text, const struct sk_value *problems, struct sk_err *err) {
    const struct sk_value *first = sk_at(problems, 0), *second = sk_at(problems, 1);
    size_t more = problems->u.seq->count > 2 ? problems->u.seq->count - 2 : 0;
    char rest[40] = "";
    if (more)
        snprintf(rest, sizeof rest, "; and %zu more", more);
    sk_fail(err, SK_TLS_VERIFY, first ? (int)sk_get(first, "code")->u.i : 0, "tls", "%.120s: %.220s%s%.150s%s", text,
            first ? text_of(first, "text") : "the certificate is not acceptable", second ? "; and " : "",
            second ? text_of(second, "text") : "", rest);
}

/* ---- The item ---- */

static const char *const agreed_fields[] = { "version", "cipher", "group", "alpn", "sni", NULL };

static struct sk_value ms_value(sk_time length) { return length < 0 ? sk_null() : sk_float(sk_in_ms(length)); }

static struct sk_value timing(const struct look *l) {
    const struct sk_value *agreed = sk_get(&l->report, "agreed");
    struct sk_value r = sk_record();
    sk_put(&r, "dns_ms", ms_value(l->dns));
    sk_put(&r, "tcp_ms", ms_value(l->tcp));
    sk_put(&r, "starttls_ms", ms_value(l->upgrade));
    sk_put(&r, "handshake_ms", agreed->type == SK_RECORD ? sk_copy(*sk_get(agreed, "handshake_ms")) : sk_null());
    return r;
}

static struct sk_value copy_of(const struct sk_value *r, const char *key) {
    const struct sk_value *v = sk_get(r, key);
    return v ? sk_copy(*v) : sk_null();
}

/* The problems of the verification, then whatever else is wrong; the status in *out. */
static struct sk_value judge(const struct inspecting *how, const char *text, const struct sk_value *report,
                             const struct sk_err *failure, struct inspected *out) {
    const struct sk_value *found = sk_get(report, "problems");
    struct sk_value problems = sk_list();
    for (size_t i = 0; i < found->u.seq->count; i++)
        sk_push(&problems, sk_copy(found->u.seq->items[i].value));
    struct sk_err why;
    if (!sk_get(report, "accepted")->u.b) {
        tell_problems(text, found, &why);
        weigh(out, &why);
    }
    if (failure) {
        add_problem(&problems, sk_null(), failure->msg, NULL);
        why = *failure;
        sk_fail(&why, why.kind, why.code, why.op, "%.120s: %s", text, failure->msg);
        weigh(out, &why);
    }
    check_dates(how, text, sk_get(report, "chain"), &problems, out);
    return problems;
}

static void put_report(const struct inspecting *how, struct inspected *out, const char *text,
                       const struct sk_addr *peer, const struct sk_value *report, struct sk_value problems) {
    const struct sk_value *agreed = sk_get(report, "agreed");
    struct sk_value r = sk_record();
    sk_put_main(&r, "target", sk_text(text));
    sk_put(&r, "addr", peer ? io_addr(peer) : sk_null());
    sk_put(&r, "name", copy_of(report, "name"));
    sk_put(&r, "exit", sk_int(out->status));
    sk_put(&r, "code", out->status ? sk_text(sk_err_name(&out->err)) : sk_null());
    sk_put(&r, "verify", copy_of(report, "verify"));
    sk_put(&r, "problems", problems);
    sk_put(&r, "notes", copy_of(report, "notes"));
    for (size_t i = 0; agreed_fields[i]; i++)
        sk_put(&r, agreed_fields[i],
               agreed && agreed->type == SK_RECORD ? copy_of(agreed, agreed_fields[i]) : sk_null());
    sk_put(&r, "starttls", how->upgrade.protocol ? sk_text(how->upgrade.protocol) : sk_null());
    sk_put(&r, "client_certificate", copy_of(report, "client_certificate"));
    sk_put(&r, "ocsp", copy_of(report, "ocsp"));
    out->item = r;
}

static void make_item(const struct look *l, struct inspected *out) {
    struct sk_value problems = judge(l->how, l->text, &l->report, l->rc < 0 ? &l->err : NULL, out);
    put_report(l->how, out, l->text, &l->peer, &l->report, problems);
    sk_put(&out->item, "resumption", sk_copy(l->again));
    sk_put(&out->item, "timing", timing(l));
    sk_put(&out->item, "chain", copy_of(&l->report, "chain"));
}

void inspect_report(const struct inspecting *how, const char *text, const struct sk_value *report,
                    struct inspected *out) {
    *out = (struct inspected){ 0 };
    struct sk_value problems = judge(how, text, report, NULL, out);
    put_report(how, out, text, NULL, report, problems);
    sk_put(&out->item, "resumption", sk_null());
    sk_put(&out->item, "timing", sk_null());
    sk_put(&out->item, "chain", copy_of(report, "chain"));
}

int inspect_file(const struct inspecting *how, const struct sk_tls_file *file, struct inspected *out,
                 struct sk_err *err) {
    struct sk_value report;
    if (sk_tls_examine(how->settings, file, how->name, &report, err) < 0)
        return -1;
    inspect_report(how, file->name, &report, out);
    sk_drop(report);
    return 0;
}

/* ---- No certificate was seen ---- */

/* The protocol that is spoken on a port before TLS, where nothing was said that tells it; NULL. */
static const char *usual(uint16_t port) {
    static const struct {
        uint16_t port;
        const char *protocol;
    } rows[] = {
        { 21, "ftp" },   { 25, "smtp" },    { 110, "pop3" },   { 119, "nntp" },  { 143, "imap" },      { 389, "ldap" },
        { 587, "smtp" }, { 3306, "mysql" }, { 4190, "sieve" }, { 5222, "xmpp" }, { 5432, "postgres" }, { 6667, "irc" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].port == port)
            return rows[i].protocol;
    return NULL;
}

static struct sk_value what_to_do(const struct look *l) {
    const char *protocol = text_of(&l->report, "protocol"), *guess = usual(sk_addr_port(&l->peer));
    char text[160];
    bool is_reset = l->err.kind == SK_SYS && l->err.code == ECONNRESET; /* of one that read half a message */
    if ((l->err.kind != SK_TLS_HANDSHAKE && !is_reset) || l->how->upgrade.protocol)
        return sk_null();
    if (protocol && strcmp(protocol, "http") == 0)
        return sk_text("this is a port for plain HTTP; that for TLS is often 443");
    if (protocol && strcmp(protocol, "ssh") == 0)
        return sk_text("this is no TLS server: see ssh-keyscan for its keys");
    if (!protocol && !guess)
        return sk_null();
    snprintf(text, sizeof text,
             protocol ? "%s --starttls %s, or use its port for TLS" : "%s a server on this port may want --starttls %s",
             protocol ? "begin in plain text:" : "", protocol ? protocol : guess);
    return sk_text(*text == ' ' ? text + 1 : text);
}

void inspect_failed(const char *text, const struct sk_err *why, const struct sk_origin *origin, struct inspected *out) {
    out->err = *why;
    out->status = sk_err_status(why);
    out->item = each_failure(text, why, origin ? origin : &(struct sk_origin){ 0 });
}

static void make_failure(const struct look *l, struct inspected *out) {
    struct sk_err why = l->err;
    if (!strstr(why.msg, l->text))
        sk_fail(&why, why.kind, why.code, why.op, "%.120s: %s", l->text, l->err.msg);
    inspect_failed(l->text, &why, &l->origin, out);
    sk_put(&out->item, "fix", l->report.type == SK_RECORD ? what_to_do(l) : sk_null());
    sk_put(&out->item, "said", copy_of(&l->report, "said"));
    if (l->blame)
        sk_put(&out->item, "blame", sk_text(sk_proxy_blames[l->blame]));
}

/* ---- All of it ---- */

static bool has_certificate(const struct sk_value *report) {
    return report->type == SK_RECORD && sk_get(report, "chain")->u.seq->count > 0;
}

static void look(struct look *l, const struct sk_endpoint *ep) {
    struct sk_sock *s = NULL;
    l->rc = dial(l, ep, &s, &l->err);
    if (l->rc < 0)
        return;
    l->peer = s->via ? s->via->target : s->peer; /* a name went to the proxy: not known then */
    l->rc = handshake(l, s);
    if (sk_tls_report(s, &l->report, &(struct sk_err){ 0 }) < 0)
        l->report = sk_null();
    struct sk_tls_session *session = l->rc == 0 && l->how->resume ? sk_tls_session_take(s) : NULL;
    sk_sock_free(s); /* first: some servers serve one at a time */
    if (l->rc == 0 && l->how->resume)
        resume(l, ep, session);
    sk_tls_session_free(session);
}

void inspect_target(const struct inspecting *how, const char *text, const struct sk_endpoint *ep,
                    struct inspected *out) {
    struct look l = { .how = how, .text = text, .dns = -1, .tcp = -1, .upgrade = -1 };
    l.deadline = sk_earlier(how->deadline, sk_after(how->attempt));
    *out = (struct inspected){ 0 };
    look(&l, ep);
    if (has_certificate(&l.report))
        make_item(&l, out);
    else
        make_failure(&l, out);
    sk_drop(l.report);
    sk_drop(l.again);
}

bool inspect_outweighs(int status, int other) {
    static const int order[] = { 0, 1, 2, 124, 3, 5, 4, 125, 6, 7, 9, 8 };
    size_t a = 0, b = 0, n = sizeof order / sizeof *order;
    while (a < n && order[a] != status)
        a++;
    while (b < n && order[b] != other)
        b++;
    return a > b;
}
