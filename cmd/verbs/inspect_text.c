/* What the command tls shows to people. Everything that came from the server goes through the escape notation. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lang/render.h"
#include "verbs/each.h"
#include "verbs/inspect.h"

enum { NAMES_MOST = 12, CHAIN_MOST = 12, PROBLEMS_MOST = 40 };

static const char *text_of(const struct sk_value *r, const char *key) {
    const struct sk_value *v = r && r->type == SK_RECORD ? sk_get(r, key) : NULL;
    return v && v->type == SK_TEXT ? v->u.s->data : NULL;
}

static const struct sk_value *record_of(const struct sk_value *r, const char *key) {
    const struct sk_value *v = sk_get(r, key);
    return v && v->type == SK_RECORD ? v : NULL;
}

static size_t count_of(const struct sk_value *r, const char *key) {
    const struct sk_value *v = sk_get(r, key);
    return v && v->type == SK_LIST ? v->u.seq->count : 0;
}

static const struct sk_value *nth(const struct sk_value *r, const char *key, size_t i) {
    return &sk_get(r, key)->u.seq->items[i].value;
}

/* "label        words" */
static void put(struct sk_buf *b, const char *label, const char *words) {
    sk_buf_printf(b, NULL, "%-12s %s\n", label, words ? words : "");
}

/* Words joined by ", ". */
static void join(struct sk_buf *b, bool *is_first, const char *before, const char *words) {
    if (words)
        sk_buf_printf(b, NULL, "%s%s%s", *is_first ? "" : ", ", before, words);
    *is_first &= words == NULL;
}

/* ---- The parts ---- */

static void put_verdict(struct sk_buf *b, const struct sk_value *r) {
    size_t problems = count_of(r, "problems");
    const char *code = text_of(r, "code");
    char text[120];
    if (code)
        snprintf(text, sizeof text, "%s (status %" PRId64 ")", code, sk_get(r, "exit")->u.i);
    else
        snprintf(text, sizeof text, problems ? "accepted with --insecure, not verified" : "all is well");
    put(b, "verdict", text);
    for (size_t i = 0; i < problems && i < PROBLEMS_MOST; i++) {
        const struct sk_value *problem = nth(r, "problems", i);
        put(b, "problem", text_of(problem, "text"));
        if (text_of(problem, "fix"))
            put(b, "  to do", text_of(problem, "fix"));
    }
    if (problems > PROBLEMS_MOST)
        sk_buf_printf(b, NULL, "and %zu more\n", problems - PROBLEMS_MOST);
}

static void put_agreed(struct sk_buf *b, const struct sk_value *r) {
    bool is_first = true;
    if (!text_of(r, "version"))
        return;
    sk_buf_printf(b, NULL, "%-12s ", "tls");
    join(b, &is_first, "", text_of(r, "version"));
    join(b, &is_first, "", text_of(r, "cipher"));
    join(b, &is_first, "", text_of(r, "group"));
    join(b, &is_first, "ALPN ", text_of(r, "alpn"));
    sk_buf_printf(b, NULL, "\n");
}

static void put_resumption(struct sk_buf *b, const struct sk_value *r) {
    const struct sk_value *again = record_of(r, "resumption");
    if (!again)
        return;
    const struct sk_value *resumed = sk_get(again, "resumed"), *lifetime = sk_get(again, "lifetime");
    char text[400], span[40] = "";
    if (lifetime->type == SK_INT && lifetime->u.i > 0)
        snprintf(span, sizeof span, " for %" PRId64 " s", lifetime->u.i);
    if (!sk_get(again, "offered")->u.b)
        snprintf(text, sizeof text, "no: the server gave no session");
    else if (resumed->type != SK_BOOL)
        snprintf(text, sizeof text, "not known: %.300s", text_of(again, "why"));
    else
        snprintf(text, sizeof text, "%s: a %s%s", resumed->u.b ? "yes" : "refused", text_of(again, "by"), span);
    put(b, "resumption", text);
}

static void put_ocsp(struct sk_buf *b, const struct sk_value *r) {
    const struct sk_value *ocsp = record_of(r, "ocsp");
    if (!ocsp)
        return;
    const char *state = text_of(ocsp, "state"), *why = text_of(ocsp, "why"), *from = text_of(ocsp, "this_update"),
               *to = text_of(ocsp, "next_update");
    char text[300];
    if (strcmp(state, "absent") == 0)
        snprintf(text, sizeof text, "no response was sent with the certificate");
    else if (from)
        snprintf(text, sizeof text, "%s, as of %s%s%s", state, from, to ? ", until " : "", to ? to : "");
    else
        snprintf(text, sizeof text, "%s%s%.200s", state, why ? ": " : "", why ? why : "");
    put(b, "ocsp", text);
}

static void put_times(struct sk_buf *b, const struct sk_value *r) {
    static const struct {
        const char *key, *label;
    } rows[] = {
        { "dns_ms", "dns" }, { "tcp_ms", "connect" }, { "starttls_ms", "starttls" }, { "handshake_ms", "handshake" }
    };
    const struct sk_value *timing = record_of(r, "timing"), *again = record_of(r, "resumption");
    const char *between = "";
    if (!timing)
        return;
    sk_buf_printf(b, NULL, "%-12s ", "time");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct sk_value *ms = sk_get(timing, rows[i].key);
        if (!ms || ms->type != SK_FLOAT)
            continue;
        sk_buf_printf(b, NULL, "%s%s %.1f ms", between, rows[i].label, ms->u.f);
        between = ", ";
    }
    const struct sk_value *ms = again ? sk_get(again, "ms") : NULL;
    if (ms && ms->type == SK_FLOAT)
        sk_buf_printf(b, NULL, "%sresumed %.1f ms", between, ms->u.f);
    sk_buf_printf(b, NULL, "\n");
}

static void put_names(struct sk_buf *b, const struct sk_value *cert) {
    size_t count = count_of(cert, "names");
    bool is_first = true;
    if (count == 0)
        return;
    sk_buf_printf(b, NULL, "%-12s ", "  names");
    for (size_t i = 0; i < count && i < NAMES_MOST; i++)
        join(b, &is_first, "", nth(cert, "names", i)->u.s->data);
    if (count > NAMES_MOST)
        sk_buf_printf(b, NULL, " and %zu more", count - NAMES_MOST);
    sk_buf_printf(b, NULL, "\n");
}

static void put_certificate(struct sk_buf *b, size_t number, const struct sk_value *cert) {
    char label[40], text[160];
    const char *from = text_of(cert, "not_before"), *to = text_of(cert, "not_after");
    int64_t left = sk_get(cert, "days_left")->u.i;
    snprintf(label, sizeof label, "%zu", number);
    put(b, label, text_of(cert, "subject"));
    put_names(b, cert);
    put(b, "  issuer", text_of(cert, "issuer"));
    snprintf(text, sizeof text, "%.10s to %.10s, %" PRId64 " days left", from ? from : "?", to ? to : "?", left);
    put(b, "  valid", text);
    snprintf(text, sizeof text, "%s, signed with %s", text_of(cert, "key") ? text_of(cert, "key") : "?",
             text_of(cert, "signature"));
    put(b, "  key", text);
    put(b, "  pin", text_of(cert, "pin"));
}

/* ---- All of it ---- */

static void put_head(struct sk_buf *b, const struct sk_value *r) {
    char addr[SK_ADDR_TEXT] = "";
    const char *target = text_of(r, "target"), *name = text_of(r, "name");
    const struct sk_value *peer = sk_get(r, "addr");
    struct sk_addr a = { 0 };
    if (peer->type == SK_ADDR && peer->u.s->len <= sizeof a.u) {
        a.len = (socklen_t)peer->u.s->len;
        memcpy(&a.u, peer->u.s->data, peer->u.s->len);
        sk_addr_format(addr, sizeof addr, &a);
    }
    bool is_same = strcmp(addr, target) == 0;
    sk_buf_printf(b, NULL, "%s%s%s%s%s\n", target, *addr && !is_same ? "  " : "", is_same ? "" : addr,
                  name ? "  for " : "", name ? name : "");
}

static void put_block(struct sk_buf *b, const struct sk_value *r) {
    const struct sk_value *asked = sk_get(r, "client_certificate");
    put_head(b, r);
    put_verdict(b, r);
    put_agreed(b, r);
    if (text_of(r, "starttls"))
        put(b, "starttls", text_of(r, "starttls"));
    put_resumption(b, r);
    if (asked->type == SK_BOOL)
        put(b, "client", asked->u.b ? "the server asks for a certificate" : "no certificate is asked for");
    put_ocsp(b, r);
    put_times(b, r);
    size_t count = count_of(r, "chain");
    for (size_t i = 0; i < count && i < CHAIN_MOST; i++)
        put_certificate(b, i, nth(r, "chain", i));
    if (count > CHAIN_MOST)
        sk_buf_printf(b, NULL, "and %zu more certificates\n", count - CHAIN_MOST);
    for (size_t i = 0; i < count_of(r, "notes"); i++)
        put(b, "note", nth(r, "notes", i)->u.s->data);
}

static void put_line(struct sk_buf *b, const struct sk_value *r, bool terminal) {
    const struct sk_value *problem = count_of(r, "problems") ? nth(r, "problems", 0) : NULL;
    const char *code = text_of(r, "code"), *version = text_of(r, "version");
    size_t more = problem ? count_of(r, "problems") - 1 : 0;
    sk_buf_printf(b, NULL, terminal ? "%-28s " : "%s ", text_of(r, "target"));
    if (code)
        sk_buf_printf(b, NULL, "! %s %s", code, problem ? text_of(problem, "text") : "");
    else
        sk_buf_printf(b, NULL, "%s %s%s%" PRId64 " days left%s%s", problem ? "insecure" : "ok", version ? version : "",
                      version ? " " : "", sk_get(nth(r, "chain", 0), "days_left")->u.i, problem ? "; " : "",
                      problem ? text_of(problem, "text") : "");
    if (more)
        sk_buf_printf(b, NULL, " (and %zu more)", more);
    sk_buf_printf(b, NULL, "\n");
}

static int put_failure(struct sk_buf *b, const struct sk_value *item, bool brief, struct sk_err *err) {
    const char *fix = text_of(item, "fix");
    if (each_failure_line(item, b, err) < 0)
        return -1;
    if (!brief && fix)
        put(b, "  to do", fix);
    return 0;
}

int inspect_text(const struct sk_value *item, bool brief, bool terminal, struct sk_buf *out, struct sk_err *err) {
    struct sk_buf b = { 0 };
    if (sk_get(item, "error")) {
        if (put_failure(&b, item, brief, err) < 0)
            return -1;
    } else if (brief) {
        put_line(&b, item, terminal);
    } else {
        put_block(&b, item);
    }
    int rc = text_clean(out, sk_buf_data(&b), b.len, true, err);
    sk_buf_done(&b);
    return rc;
}
